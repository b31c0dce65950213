"""Runs over HTTP: start one, steer it, look at what it does and learns, compare two."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.studio.models.class_names import name_run, run_names
from foveal.studio.models.evaluation import held_out
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import write_run_table
from foveal.studio.responses import Body, Empty, json_get, json_post, json_response, small_number
from foveal.studio.runs.comparison import accuracy_difference, differences, require_snapshot
from foveal.studio.runs.control import RunControl
from foveal.studio.runs.curves import epoch_lines, step_lines, thinned
from foveal.studio.runs.live import LiveNetworks
from foveal.studio.runs.process import newest_log
from foveal.studio.runs.request import RunRequest, read_request, repeat_training
from foveal.studio.runs.status import RunStatus
from foveal.studio.runs.val_errors import wrong_images
from foveal.studio.state import StudioState
from foveal.studio.tasks.tasks import TaskProgress

MAX_LOG_LINES = 200
_Body = TypeVar("_Body", bound=Body)
Length = Annotated[float, Field(gt=0)]


class NewRun(Body):
    """How a new run is trained; what is left out is chosen by Foveal."""

    name: Annotated[str, Field(max_length=120)] = ""
    network: str | None = None
    start_from: str = "auto"
    minutes: Length | None = None
    epochs: Length | None = None
    recipe: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    size: Annotated[int, Field(ge=1, le=8192)] | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


class MoreLength(Body):
    """The length of a run in all."""

    minutes: Length | None = None
    epochs: Length | None = None


def run_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/runs and /api/projects/P/compare."""
    runs = state.runs

    def listed(request: Request) -> list[dict[str, Any]]:
        return [each.to_data() for each in runs.statuses(request.path_params["project"])]

    def create(request: Request, body: NewRun) -> dict[str, Any]:
        project, asked = state.project(request), RunRequest.model_validate(body.model_dump())
        table, named = partial(write_run_table, project), partial(_model_of_today, project)
        status = runs.create(project.id, asked, table, named)
        return _answer(status, runs.folder(project.id, status.id))

    def retrain_head(request: Request, _body: Empty) -> dict[str, Any]:
        project, run = state.project(request), request.path_params["run"]
        table, named = partial(write_run_table, project), partial(_model_of_today, project)
        status = runs.retrain_head(project.id, run, table, named)
        return _answer(status, runs.folder(project.id, status.id))

    def remove(request: Request) -> Response:
        project, folder = request.path_params["project"], state.run(request)
        runs.check_stopped(folder)
        state.end_work(folder, project, folder.name)
        runs.delete(project, folder)
        return json_response({})

    path = "/api/projects/{project}/runs"
    return [
        json_get(path, listed),
        json_post(path, NewRun, create, 201),
        json_post(f"{path}/{{run}}/head", Empty, retrain_head, 201),
        Route(f"{path}/{{run}}", remove, methods=["DELETE"]),
        *_steering_routes(state, f"{path}/{{run}}"),
        *_view_routes(state, f"{path}/{{run}}"),
        *_comparison_routes(state),
    ]


def _model_of_today(project: Project, run: Path) -> Path:
    """The folder whose model has the names that the classes have now: its rows go by name."""
    return name_run(project, run).folder


def _steering_routes(state: StudioState, path: str) -> list[Route]:
    runs = state.runs

    def steering(name: str, kind: type[_Body], work: Callable[[str, Path, _Body], None]) -> Route:
        def answered(request: Request, body: _Body) -> dict[str, Any]:
            folder = state.run(request)
            work(request.path_params["project"], folder, body)
            return _answer(runs.status(folder), folder)

        return json_post(f"{path}/{name}", kind, answered)

    def extend(project: str, folder: Path, length: MoreLength) -> None:
        runs.extend(project, folder, minutes=length.minutes, epochs=length.epochs)

    return [
        steering("pause", Empty, lambda _, folder, _body: runs.pause(folder)),
        steering("stop", Empty, lambda project, folder, _: runs.finish(project, folder)),
        steering("resume", Empty, lambda project, folder, _: runs.resume(project, folder)),
        steering("extend", MoreLength, extend),
    ]


def _view_routes(state: StudioState, path: str) -> list[Route]:
    networks = LiveNetworks()

    def show(request: Request) -> dict[str, Any]:
        return _described(state.runs, state.run(request))

    def live(request: Request) -> dict[str, Any]:
        folder, project = state.run(request), request.path_params["project"]
        image = small_number(request.query_params.get("image", ""))
        file = None if image is None else state.projects.image_path(project, image)
        today = run_names(state.project(request), folder).today
        return networks.look(folder, request.query_params.get("layer") or None, file, today)

    def errors(request: Request) -> dict[str, Any]:
        folder, project = state.run(request), state.project(request)
        found, today = wrong_images(folder, project.image_at), run_names(project, folder).today
        named = [
            {**one, **{key: [today(name) for name in one[key]] for key in ("labels", "predicted")}}
            for one in found["errors"]
        ]
        still = [one for one in named if set(one["labels"]) != set(one["predicted"])]
        return {**found, "errors": still}

    return [
        json_get(path, show),
        json_get(f"{path}/live", live),
        json_get(f"{path}/errors", errors),
    ]


def _answer(status: RunStatus, folder: Path) -> dict[str, Any]:
    """What a run does now, and how the same is trained elsewhere."""
    request = read_request(folder)
    return {**status.to_data(), **repeat_training(folder, request)}


def _described(runs: RunControl, folder: Path) -> dict[str, Any]:
    """Everything about one run but its images."""
    snapshot, request = runs.snapshot(folder), read_request(folder)
    return {
        **_answer(runs.status(folder), folder),
        "request": request.model_dump(mode="json", exclude={"asked"}),
        "plan": snapshot.plan if snapshot is not None else None,
        "history": epoch_lines(folder),
        "steps": thinned(step_lines(folder)),
        "log": list(newest_log(folder)[-MAX_LOG_LINES:]),
    }


def _comparison_routes(state: StudioState) -> list[Route]:
    runs = state.runs

    def pair(request: Request) -> tuple[Path, Path]:
        one, other = (
            runs.folder(request.path_params["project"], request.query_params.get(key, ""))
            for key in ("a", "b")
        )
        return one, other

    def compare(request: Request) -> dict[str, Any]:
        folders = pair(request)
        curves = {
            key: {"history": epoch_lines(folder), "steps": thinned(step_lines(folder))}
            for key, folder in zip(("a", "b"), folders, strict=True)
        }
        return {**differences(*map(require_snapshot, folders)), "curves": curves}

    def accuracy(request: Request) -> dict[str, Any]:
        project, (one, other) = state.project(request), pair(request)
        test = None
        if request.query_params.get("split") == "test":
            lines = held_out(project, one).lines
            test = [lines[image] for image in held_out(project, other).lines if image in lines]

        def work(progress: TaskProgress) -> dict[str, Any]:
            folders = (name_run(project, one).folder, name_run(project, other).folder)
            return accuracy_difference(*folders, progress, test=test)

        return state.tasks.run(project.id, "compare", work, one.name)

    path = "/api/projects/{project}/compare"
    return [json_get(path, compare), json_get(f"{path}/accuracy", accuracy)]
