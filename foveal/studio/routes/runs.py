"""Runs over HTTP: start one, steer it, look at what it does and learns, compare two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foveal.studio.project.training_table import write_training_table
from foveal.studio.responses import Body, Empty, json_response, read_json
from foveal.studio.runs.comparison import accuracy_difference, differences, require_snapshot
from foveal.studio.runs.control import RunControl
from foveal.studio.runs.curves import epoch_lines, step_lines, thinned
from foveal.studio.runs.live import LiveNetworks
from foveal.studio.runs.process import last_words
from foveal.studio.runs.request import RunRequest, command_line, python_lines, read_request
from foveal.studio.runs.val_errors import wrong_images
from foveal.studio.state import StudioState

MAX_LOG_LINES = 200
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
    all_runs, one = "/api/projects/{project}/runs", "/api/projects/{project}/runs/{run}"
    return [
        *_list_routes(state, all_runs),
        *_steering_routes(state.runs, one),
        *_head_routes(state, one),
        *_view_routes(state, one),
        *_comparison_routes(state.runs),
    ]


def _folder(runs: RunControl, request: Request) -> Path:
    return runs.folder(request.path_params["project"], request.path_params["run"])


def _list_routes(state: StudioState, path: str) -> list[Route]:
    runs = state.runs

    def listed(request: Request) -> Response:
        return json_response(
            [each.to_data() for each in runs.statuses(request.path_params["project"])]
        )

    async def create(request: Request) -> Response:
        project = request.path_params["project"]
        body = await read_json(request, NewRun)
        asked = RunRequest.model_validate(body.model_dump())
        opened = state.projects.get(project)
        status = await run_in_threadpool(
            runs.create, project, asked, lambda table: write_training_table(opened, table)
        )
        folder = runs.folder(project, status.id)
        return json_response({**status.to_data(), **_repeated(folder)}, 201)

    return [Route(path, listed), Route(path, create, methods=["POST"])]


def _repeated(folder: Path) -> dict[str, str]:
    request = read_request(folder)
    return {"command": command_line(folder, request), "python": python_lines(folder, request)}


def _steering_routes(runs: RunControl, path: str) -> list[Route]:
    async def answered(request: Request, work: Callable[[str, Path], None]) -> Response:
        project, folder = request.path_params["project"], _folder(runs, request)
        await run_in_threadpool(work, project, folder)
        status = await run_in_threadpool(runs.status, folder)
        return json_response({**status.to_data(), **_repeated(folder)})

    async def pause(request: Request) -> Response:
        await read_json(request, Empty)
        return await answered(request, lambda _, folder: runs.pause(folder))

    async def stop(request: Request) -> Response:
        await read_json(request, Empty)
        return await answered(request, runs.finish)

    async def resume(request: Request) -> Response:
        await read_json(request, Empty)
        return await answered(request, runs.resume)

    async def extend(request: Request) -> Response:
        length = await read_json(request, MoreLength)
        return await answered(
            request, lambda *run: runs.extend(*run, minutes=length.minutes, epochs=length.epochs)
        )

    def remove(request: Request) -> Response:
        runs.delete(request.path_params["project"], _folder(runs, request))
        return json_response({})

    steering = {"pause": pause, "stop": stop, "resume": resume, "extend": extend}
    return [
        *(Route(f"{path}/{name}", each, methods=["POST"]) for name, each in steering.items()),
        Route(path, remove, methods=["DELETE"]),
    ]


def _head_routes(state: StudioState, path: str) -> list[Route]:
    async def retrain(request: Request) -> Response:
        project, run = request.path_params["project"], request.path_params["run"]
        await read_json(request, Empty)
        opened = await run_in_threadpool(state.projects.get, project)
        status = await run_in_threadpool(
            state.runs.retrain_head, project, run, lambda table: write_training_table(opened, table)
        )
        folder = state.runs.folder(project, status.id)
        return json_response({**status.to_data(), **_repeated(folder)}, 201)

    return [Route(f"{path}/head", retrain, methods=["POST"])]


def _view_routes(state: StudioState, path: str) -> list[Route]:
    runs, networks = state.runs, LiveNetworks()

    def show(request: Request) -> Response:
        return json_response(_described(runs, _folder(runs, request)))

    async def live(request: Request) -> Response:
        folder, project = _folder(runs, request), request.path_params["project"]
        image = request.query_params.get("image", "")
        file = state.projects.image_path(project, int(image)) if image.isdecimal() else None
        layer = request.query_params.get("layer") or None
        return json_response(await run_in_threadpool(networks.look, folder, layer, file))

    def errors(request: Request) -> Response:
        project = state.projects.get(request.path_params["project"])

        def find(path: str) -> int | None:
            own = path.removeprefix(f"{project.folder}/")
            return project.image_at(path) if own == path else project.image_at(own)

        return json_response(wrong_images(_folder(runs, request), find))

    return [
        Route(path, show),
        Route(f"{path}/live", live),
        Route(f"{path}/errors", errors),
    ]


def _described(runs: RunControl, folder: Path) -> dict[str, Any]:
    """Everything about one run but its images."""
    snapshot, request = runs.snapshot(folder), read_request(folder)
    return {
        **runs.status(folder).to_data(),
        **_repeated(folder),
        "request": request.model_dump(mode="json", exclude={"asked"}),
        "plan": snapshot.plan if snapshot is not None else None,
        "history": epoch_lines(folder),
        "steps": thinned(step_lines(folder)),
        "log": list(last_words(folder)[-MAX_LOG_LINES:]),
    }


def _comparison_routes(runs: RunControl) -> list[Route]:
    def compare(request: Request) -> Response:
        project = request.path_params["project"]
        pair = [runs.folder(project, request.query_params.get(key, "")) for key in ("a", "b")]
        found = differences(*(require_snapshot(folder) for folder in pair))
        curves = {
            key: {"history": epoch_lines(folder), "steps": thinned(step_lines(folder))}
            for key, folder in zip(("a", "b"), pair, strict=True)
        }
        return json_response({**found, "curves": curves})

    async def accuracy(request: Request) -> Response:
        project = request.path_params["project"]
        pair = [runs.folder(project, request.query_params.get(key, "")) for key in ("a", "b")]
        return json_response(await run_in_threadpool(accuracy_difference, pair[0], pair[1]))

    path = "/api/projects/{project}/compare"
    return [Route(path, compare), Route(f"{path}/accuracy", accuracy)]
