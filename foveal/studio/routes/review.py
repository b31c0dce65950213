"""Findings of the check, predictions of all images, the queue of images without a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from foveal.errors import UsageError
from foveal.studio.models.loaded import model_path
from foveal.studio.project.project import Project
from foveal.studio.repeat import repeat
from foveal.studio.repeats import keep_line
from foveal.studio.responses import Body, Empty, json_get, json_post
from foveal.studio.review.findings import TABLE, find, findings_data
from foveal.studio.review.predictions import predict_images, predictions_data
from foveal.studio.review.queue import fill, queue_data
from foveal.studio.review.results import newest_models
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import Task


class PredictionRequest(Body):
    """The run whose model predicts; None: the newest that has one."""

    run: str | None = None


def review_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P: findings, predictions, queue."""

    def latest(project: Project, kind: str) -> Task | None:
        return state.tasks.latest(project.id, kind)

    def findings(request: Request) -> dict[str, Any]:
        project = state.project(request)
        return findings_data(project, latest(project, "findings"))

    def check(request: Request, _body: Empty) -> dict[str, Any]:
        project = state.project(request)
        table = project.folder / TABLE
        task = state.tasks.start(project.id, "findings", lambda each: find(project, each))
        same = repeat(["check", table], f"print(foveal.check({str(table)!r}))")
        return {"task": task, **keep_line(project, project.folder, same)}

    def queue(request: Request) -> dict[str, Any]:
        project = state.project(request)
        return queue_data(project, latest(project, "queue"))

    def propose(request: Request, _body: Empty) -> dict[str, Any]:
        project = state.project(request)
        task = state.tasks.start(
            project.id, "queue", lambda each: fill(project, state.proposer, each)
        )
        return {"task": task}

    def predictions(request: Request) -> dict[str, Any]:
        project = state.project(request)
        return predictions_data(project, latest(project, "predictions"))

    def predict(request: Request, body: PredictionRequest) -> dict[str, Any]:
        project = state.project(request)
        run = state.runs.folder(project.id, body.run or _newest_run(project))
        model = model_path(run)
        task = state.tasks.start(
            project.id, "predictions", lambda each: predict_images(project, run, each), run.name
        )
        folders = project.folders()
        same = repeat(
            ["predict", model, *folders],
            f"for one in foveal.predict({str(model)!r}, {folders!r}):\n"
            "    print(one.path, one.label, one.probability)",
        )
        return {"task": task, **keep_line(project, model, same)}

    one = "/api/projects/{project}"
    return [
        json_get(f"{one}/findings", findings),
        json_post(f"{one}/findings", Empty, check),
        json_get(f"{one}/predictions", predictions),
        json_post(f"{one}/predictions", PredictionRequest, predict),
        json_get(f"{one}/queue", queue),
        json_post(f"{one}/queue", Empty, propose),
    ]


def _newest_run(project: Project) -> str:
    newest = next(iter(newest_models(project.folder)), None)
    if newest is None:
        raise UsageError("no run of the project has a model yet: train first")
    return Path(newest).parent.name
