"""Findings of the check, predictions of all images, the queue of images without a label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.errors import UsageError
from foveal.studio.models.loaded import model_path
from foveal.studio.project.project import Project
from foveal.studio.repeat import repeat
from foveal.studio.responses import Body, Empty, json_response, read_json
from foveal.studio.review.findings import TABLE, find, findings_data
from foveal.studio.review.predictions import predict_images, predictions_data
from foveal.studio.review.queue import fill, queue_data
from foveal.studio.review.results import newest_models
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import TaskProgress


class PredictionRequest(Body):
    """The run whose model predicts; None: the newest that has one."""

    run: str | None = None


def review_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P: findings, predictions, queue."""

    def project_of(request: Request) -> Project:
        return state.projects.get(request.path_params["project"])

    async def start(
        request: Request, kind: str, work: Callable[[Project, TaskProgress], dict[str, Any]]
    ) -> tuple[Project, str]:
        await read_json(request, Empty)
        project = await run_in_threadpool(project_of, request)
        return project, state.tasks.start(project.id, kind, lambda each: work(project, each))

    def findings(request: Request) -> Response:
        project = project_of(request)
        return json_response(findings_data(project, state.tasks.latest(project.id, "findings")))

    async def check(request: Request) -> Response:
        project, task = await start(request, "findings", find)
        table = project.folder / TABLE
        same = repeat(["check", table], f"print(foveal.check({str(table)!r}))")
        return json_response({"task": task, **same})

    def queue(request: Request) -> Response:
        project = project_of(request)
        return json_response(queue_data(project, state.tasks.latest(project.id, "queue")))

    async def propose(request: Request) -> Response:
        _, task = await start(request, "queue", fill)
        return json_response({"task": task})

    def predictions(request: Request) -> Response:
        project = project_of(request)
        return json_response(
            predictions_data(project, state.tasks.latest(project.id, "predictions"))
        )

    async def predict(request: Request) -> Response:
        body = await read_json(request, PredictionRequest)
        project = await run_in_threadpool(project_of, request)
        run = state.runs.folder(project.id, body.run or _newest_run(project))
        same = repeat(
            ["predict", model_path(run), "IMAGES"],
            f"for one in foveal.predict({str(model_path(run))!r}, 'IMAGES'):\n"
            "    print(one.path, one.label, one.probability)",
        )
        task = state.tasks.start(
            project.id, "predictions", lambda each: predict_images(project, run, each)
        )
        return json_response({"task": task, **same})

    one = "/api/projects/{project}"
    return [
        Route(f"{one}/findings", findings),
        Route(f"{one}/findings", check, methods=["POST"]),
        Route(f"{one}/predictions", predictions),
        Route(f"{one}/predictions", predict, methods=["POST"]),
        Route(f"{one}/queue", queue),
        Route(f"{one}/queue", propose, methods=["POST"]),
    ]


def _newest_run(project: Project) -> str:
    newest = next(iter(newest_models(project.folder)), None)
    if newest is None:
        raise UsageError("no run of the project has a model yet: train first")
    return Path(newest).parent.name
