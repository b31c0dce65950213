"""/v2: the Open Inference Protocol's routes, so that existing clients work.

Knows nothing of encoded images; these routes take pixels as they are.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Header, Path, Request
from starlette.responses import Response

from foveal import __version__
from foveal.errors import ImageError
from foveal.serving import oip
from foveal.serving.errors import RequestError, busy
from foveal.serving.models import ServedModel
from foveal.serving.openapi import failing, reference, sending
from foveal.serving.schemas import Live, Ready
from foveal.serving.state import ServerState, Source

Name = Annotated[str, Path(max_length=64, description="A model's name.")]
_BINARY = "application/octet-stream"
_BODY = {
    "application/json": {"schema": reference(oip.InferRequest)},
    _BINARY: {"schema": {"type": "string", "format": "binary"}},
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": oip.InferResponse,
        "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def add_health(app: FastAPI, room: ServerState) -> None:
    """Add the probes and what is known of the server."""

    @app.get("/v2/health/live", responses=failing(422))
    async def live() -> Live:
        """Whether the process answers."""
        return Live(live=True)

    @app.get("/v2/health/ready", responses=failing(422, 503))
    async def ready() -> Ready:
        """Whether every model is loaded and the server is not stopping."""
        if room.draining:
            raise busy("the server is stopping")
        return Ready(ready=True)

    @app.get("/v2", responses=failing(422))
    async def server() -> oip.ServerMetadata:
        """What the server is."""
        return oip.ServerMetadata(
            name="foveal", version=__version__, extensions=["binary_tensor_data"]
        )


def add_inference(app: FastAPI, room: ServerState) -> None:
    """Add the routes of the models."""

    @app.get("/v2/models/{name}", responses=failing(404, 422))
    async def model(name: Name) -> oip.ModelMetadata:
        """What the model takes and gives."""
        served = room.models.get(name)
        manifest = served.predictor.manifest
        more = {"task": manifest.task, "native": served.native}
        shape, labels = manifest.network.input.shape, served.predictor.labels
        return oip.metadata(name, served.version, shape, labels, more)

    @app.get("/v2/models/{name}/ready", responses=failing(404, 422))
    async def model_ready(name: Name) -> oip.ModelReady:
        """Whether the model is loaded."""
        return oip.ModelReady(name=room.models.get(name).name, ready=True)

    @app.post(
        "/v2/models/{name}/infer",
        response_model=None,
        responses={**_ANSWER, **failing(400, 404, 408, 413, 422, 503)},
        openapi_extra=sending(_BODY),
    )
    async def infer(
        request: Request,
        name: Name,
        inference_header_content_length: Annotated[
            str | None,
            Header(description="Length of the JSON where binary tensors follow it."),
        ] = None,
    ) -> Response:
        """Probabilities and labels of pixels: uint8 (N, height, width, channels)."""
        served = room.models.get(name)
        room.admit()
        shape = served.predictor.manifest.network.input.shape
        async with room.bodies.body(request) as body:
            inference = await asyncio.to_thread(
                oip.read, body, inference_header_content_length, shape
            )
            probabilities = await _probabilities(room, served, inference.pixels)
            labels = served.predictor.labels
            content, length = oip.answer(inference, probabilities, labels, name, served.version)
        return _response(content, length)


async def _probabilities(room: ServerState, served: ServedModel, pixels: np.ndarray) -> np.ndarray:
    step = 1 if served.native else room.settings.limits.batch  # as /predict answers
    blocks = [pixels[start : start + step] for start in range(0, len(pixels), step)]
    rows = await room.rows(served, [_given(block) for block in blocks])
    return np.concatenate([_sound(block) for block in rows])


def _given(block: np.ndarray) -> Source:
    return lambda: block


def _sound(rows: np.ndarray | ImageError) -> np.ndarray:
    if isinstance(rows, ImageError):
        raise RequestError(422, rows.reason)
    return rows


def _response(content: bytes, length: int | None) -> Response:
    if length is None:
        return Response(content, media_type="application/json")
    return Response(content, media_type=_BINARY, headers={oip.HEADER: str(length)})
