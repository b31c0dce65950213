"""Looking at a trained model: its report, its scores on val, the explanation of one image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from foveal.errors import UsageError
from foveal.rundir import REPORT_FILE
from foveal.studio.models.evaluation import FOLDER as TEST_FOLDER
from foveal.studio.models.evaluation import evaluate_test, evaluation_data
from foveal.studio.models.loaded import model_path
from foveal.studio.repeat import repeat
from foveal.studio.repeats import keep_line
from foveal.studio.responses import Empty, image_post, json_get, json_post
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import TaskProgress

PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; sandbox allow-scripts allow-downloads; frame-ancestors 'self'"
)
"""Of a page inside the studio's page: its scripts cannot reach the studio."""


def look_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/runs/R/{report,scores,test,lens}."""

    def report(request: Request) -> Response:
        run = state.run(request)
        if request.query_params.get("split") == "test":
            path = run / TEST_FOLDER / REPORT_FILE
            if not path.is_file():
                raise UsageError("this model has not been evaluated on test yet")
        else:
            path = run / REPORT_FILE
            if not path.is_file():
                raise UsageError("this run has no report yet: it is written when training ends")
        return _page(path.read_text(encoding="utf-8", errors="replace"), request)

    def scores(request: Request) -> dict[str, Any]:
        project = state.project(request)

        def work(progress: TaskProgress) -> dict[str, Any]:
            return state.with_named_run(
                request,
                lambda run: state.models.val_scores(run, progress).to_data(project.image_at),
            )

        return state.tasks.run(project.id, "scores", work, request.path_params["run"])

    def test(request: Request) -> dict[str, Any]:
        project = state.project(request)
        return evaluation_data(project, state.run(request), project.image_at)

    def evaluate(request: Request, _body: Empty) -> dict[str, Any]:
        project, run = state.project(request), state.run(request)

        def work(progress: TaskProgress) -> dict[str, Any]:
            return evaluate_test(project, run, progress)

        same = state.tasks.run(project.id, "evaluate-test", work, run.name)
        return {**test(request), **keep_line(project, run, same)}

    def explain(request: Request, image: Path | bytes) -> dict[str, Any]:
        model = model_path(state.named_run(request).folder)

        def work(progress: TaskProgress) -> dict[str, Any]:
            return {"key": state.lenses.make(model, image, progress)}

        project = state.project(request)
        made = state.tasks.run(project.id, "lens", work, request.path_params["run"])
        return {**made, **keep_line(project, model, _same(model, image))}

    def lens(request: Request) -> Response:
        state.run(request)
        return _page(state.lenses.page(request.path_params["key"]), request)

    run = "/api/projects/{project}/runs/{run}"
    return [
        Route(f"{run}/report", report),
        json_get(f"{run}/scores", scores),
        json_get(f"{run}/test", test),
        json_post(f"{run}/test", Empty, evaluate),
        image_post(f"{run}/lens", state.projects.image_path, explain),
        Route(f"{run}/lens/{{key}}", lens),
    ]


def _page(text: str, request: Request) -> Response:
    """The page in the language and the theme of the page around it."""
    lang, theme = (request.query_params.get(name) for name in ("lang", "theme"))
    if lang in ("en", "ko"):
        text = re.sub('<html lang="[a-z]+"', f'<html lang="{lang}"', text, count=1)
    if theme in ("light", "dark"):
        text = text.replace("<html ", f'<html data-theme="{theme}" ', 1)
    return HTMLResponse(text, headers={"content-security-policy": PAGE_POLICY})


def _same(model: Path, image: Path | bytes) -> dict[str, str]:
    name = image if isinstance(image, Path) else "IMAGE"
    return repeat(
        ["explain", model, name, "--out", "lens.html"],
        f"foveal.explain({str(model)!r}, {str(name)!r}, out='lens.html')",
    )
