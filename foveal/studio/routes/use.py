"""Using a trained model: predictions, exports, a server of its own, the model card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from foveal.prediction.prediction import Prediction, no_prediction
from foveal.studio.models.card import model_card
from foveal.studio.models.class_names import NamedRun, names_data
from foveal.studio.models.evaluation import evaluation_data
from foveal.studio.models.exports import export_file, export_model, list_exports
from foveal.studio.models.loaded import model_path
from foveal.studio.repeat import repeat
from foveal.studio.repeats import keep_line
from foveal.studio.responses import (
    Body,
    Empty,
    image_post,
    json_get,
    json_post,
    json_response,
)
from foveal.studio.state import StudioState


class ExportRequest(Body):
    """What to export to; see `foveal.studio.models.exports.KINDS`."""

    to: str


def use_routes(state: StudioState) -> list[Route]:
    """Routes of /api/projects/P/runs/R/{predict,exports,export,server,card,names}."""

    def predict(request: Request, image: Path | bytes) -> dict[str, Any]:
        def work(run: NamedRun) -> tuple[Path, Prediction]:
            return model_path(run.folder), state.models.predict(run, image)

        started = time.perf_counter()
        model, prediction = state.with_named_run(request, work)
        if prediction.error is not None:
            raise no_prediction(prediction.error)
        seconds = time.perf_counter() - started
        name = image if isinstance(image, Path) else "IMAGE"
        same = repeat(
            ["predict", model, name], f"print(next(foveal.predict({str(model)!r}, {str(name)!r})))"
        )
        keep_line(state.project(request), model, same)
        return {**prediction.to_data(), "path": None, "ms": 1000 * seconds, **same}

    def exports(request: Request) -> list[dict[str, Any]]:
        return list_exports(state.run(request), state.named_run(request).folder)

    def export(request: Request, body: ExportRequest) -> dict[str, Any]:
        project, run = state.project(request), state.run(request)

        def named() -> Path:
            return state.named_run(request).folder

        made = state.tasks.run(
            project.id,
            "export-model",
            lambda progress: export_model(run, body.to, progress, named),
            run.name,
        )
        keep_line(project, run, {key: made[key] for key in ("command", "python")})
        return made

    def download(request: Request) -> Response:
        path = export_file(state.run(request), request.path_params["name"])
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    def server(request: Request) -> dict[str, Any]:
        return state.servers.status(state.run(request), state.named_run(request).folder)

    def start_server(request: Request, _body: Empty) -> dict[str, Any]:
        run = state.run(request)
        started = state.servers.start(run, state.named_run(request).folder)
        same = {key: started[key] for key in ("command", "python")}
        return {**started, **keep_line(state.project(request), run, same)}

    def stop_server(request: Request) -> Response:
        return json_response(state.servers.stop(state.run(request)))

    def card(request: Request) -> dict[str, Any]:
        def work(run: NamedRun) -> dict[str, Any]:
            predictor = state.models.predictor(model_path(run.folder))
            return model_card(run, predictor, state.models.val_scores(run))

        facts = state.with_named_run(request, work)
        test = evaluation_data(state.project(request), state.run(request))
        return {**facts, "test": test["scores"], "test_images": test["images"]}

    def names(request: Request) -> dict[str, Any]:
        return names_data(state.project(request), state.run(request))

    def model(request: Request) -> Response:
        path = model_path(state.named_run(request).folder)
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    one = "/api/projects/{project}/runs/{run}"
    return [
        image_post(f"{one}/predict", state.projects.image_path, predict),
        json_get(f"{one}/exports", exports),
        json_post(f"{one}/export", ExportRequest, export),
        Route(f"{one}/exports/{{name}}", download),
        Route(f"{one}/model", model),
        json_get(f"{one}/server", server),
        json_post(f"{one}/server", Empty, start_server),
        Route(f"{one}/server", stop_server, methods=["DELETE"]),
        json_get(f"{one}/card", card),
        json_get(f"{one}/names", names),
    ]
