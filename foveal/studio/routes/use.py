"""Using a trained model: predictions, exports, a server of its own, the model card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from foveal.errors import Error
from foveal.images.limits import MAX_FILE_BYTES
from foveal.progress import Progress
from foveal.studio.models.card import model_card
from foveal.studio.models.exports import export_file, export_model, list_exports
from foveal.studio.models.loaded import model_path
from foveal.studio.repeat import repeat
from foveal.studio.responses import Body, json_response, read_body, read_json
from foveal.studio.state import StudioState


class ImageRequest(Body):
    """An image of the project."""

    image: int


class ExportRequest(Body):
    """What to export to; see `foveal.studio.models.exports.KINDS`."""

    to: str


def use_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/runs/R/{predict,exports,export,server,card}."""

    def run_of(request: Request) -> Path:
        return state.runs.folder(request.path_params["project"], request.path_params["run"])

    async def predict(request: Request) -> Response:
        model = model_path(run_of(request))
        image: bytes | Path
        if request.headers["content-type"].startswith("application/json"):
            body = await read_json(request, ImageRequest)
            project = request.path_params["project"]
            image = await run_in_threadpool(state.projects.image_path, project, body.image)
        else:
            image = await read_body(request, MAX_FILE_BYTES)
        return await run_in_threadpool(predicted, model, image)

    def predicted(model: Path, image: bytes | Path) -> Response:
        started = time.perf_counter()
        prediction = state.models.predict(model, image)
        if prediction.error is not None:
            raise Error(f"the image cannot be read ({prediction.error}); give another")
        seconds = time.perf_counter() - started
        same = repeat(
            ["predict", model, "IMAGE"], f"print(next(foveal.predict({str(model)!r}, 'IMAGE')))"
        )
        return json_response({**prediction.to_data(), "path": None, "ms": 1000 * seconds, **same})

    def exports(request: Request) -> Response:
        return json_response(list_exports(run_of(request)))

    async def export(request: Request) -> Response:
        run = run_of(request)
        body = await read_json(request, ExportRequest)
        project = request.path_params["project"]

        def work(progress: Progress) -> dict[str, Any]:
            return export_model(run, body.to, progress)

        return json_response(
            await run_in_threadpool(state.tasks.run, project, "export-model", work)
        )

    def download(request: Request) -> Response:
        path = export_file(run_of(request), request.path_params["name"])
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    def server(request: Request) -> Response:
        return json_response(state.servers.status(run_of(request)))

    def start_server(request: Request) -> Response:
        return json_response(state.servers.start(run_of(request)))

    def stop_server(request: Request) -> Response:
        return json_response(state.servers.stop(run_of(request)))

    def card(request: Request) -> Response:
        run = run_of(request)
        predictor = state.models.predictor(model_path(run))
        return json_response(model_card(run, predictor, state.models.val_scores(run)))

    def model(request: Request) -> Response:
        path = model_path(run_of(request))
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    one = "/api/projects/{project}/runs/{run}"
    return [
        Route(f"{one}/predict", predict, methods=["POST"]),
        Route(f"{one}/exports", exports),
        Route(f"{one}/export", export, methods=["POST"]),
        Route(f"{one}/exports/{{name}}", download),
        Route(f"{one}/model", model),
        Route(f"{one}/server", server),
        Route(f"{one}/server", start_server, methods=["POST"]),
        Route(f"{one}/server", stop_server, methods=["DELETE"]),
        Route(f"{one}/card", card),
    ]
