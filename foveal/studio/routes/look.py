"""Looking at a trained model: its report, its scores on val, the explanation of one image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from foveal.errors import UsageError
from foveal.images.limits import MAX_FILE_BYTES
from foveal.progress import Progress
from foveal.rundir import REPORT_FILE
from foveal.studio.models.loaded import model_path
from foveal.studio.repeat import repeat
from foveal.studio.responses import Body, json_response, read_body, read_json
from foveal.studio.state import StudioState

Language = Literal["en", "ko"]
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; sandbox allow-scripts allow-downloads; frame-ancestors 'self'"
)
"""Of a page inside the studio's page: its scripts cannot reach the studio."""


class LensRequest(Body):
    """Which image of the project is explained, and in which language."""

    image: int
    lang: Language = "en"


def look_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/runs/R/{report,scores,lens}."""

    def run_of(request: Request) -> Path:
        return state.runs.folder(request.path_params["project"], request.path_params["run"])

    def report(request: Request) -> Response:
        path = run_of(request) / REPORT_FILE
        if not path.is_file():
            raise UsageError("this run has no report yet: it is written when training ends")
        return _page(path.read_text(encoding="utf-8"), request.query_params.get("lang"))

    def scores(request: Request) -> Response:
        project, run = request.path_params["project"], run_of(request)
        ids = state.projects.image_ids(project)
        return json_response(
            state.tasks.run(
                project,
                "scores",
                lambda progress: state.models.val_scores(run, progress).to_data(ids),
            )
        )

    async def make_lens(request: Request) -> Response:
        project, model = request.path_params["project"], model_path(run_of(request))
        if request.headers["content-type"].startswith("application/json"):
            body = await read_json(request, LensRequest)
            path = await run_in_threadpool(state.projects.image_path, project, body.image)
            return await run_in_threadpool(explained, project, model, path, body.lang)
        content = await read_body(request, MAX_FILE_BYTES)
        lang: Language = "ko" if request.query_params.get("lang") == "ko" else "en"
        return await run_in_threadpool(explained, project, model, content, lang)

    def explained(project: str, model: Path, image: Path | bytes, lang: Language) -> Response:
        def work(progress: Progress) -> dict[str, Any]:
            return {"key": state.lenses.make(model, image, lang, progress), **_same(model, image)}

        return json_response(state.tasks.run(project, "lens", work))

    def lens(request: Request) -> Response:
        run_of(request)
        return _page(
            state.lenses.page(request.path_params["key"]), request.query_params.get("lang")
        )

    run = "/api/projects/{project}/runs/{run}"
    return [
        Route(f"{run}/report", report),
        Route(f"{run}/scores", scores),
        Route(f"{run}/lens", make_lens, methods=["POST"]),
        Route(f"{run}/lens/{{key}}", lens),
    ]


def _page(text: str, lang: str | None) -> Response:
    if lang in ("en", "ko"):
        text = re.sub('<html lang="[a-z]+"', f'<html lang="{lang}"', text, count=1)
    return HTMLResponse(text, headers={"content-security-policy": PAGE_POLICY})


def _same(model: Path, image: Path | bytes) -> dict[str, Any]:
    name = image if isinstance(image, Path) else "IMAGE"
    return repeat(
        ["explain", model, name, "--out", "lens.html"],
        f"foveal.explain({str(model)!r}, {str(name)!r}, out='lens.html')",
    )
