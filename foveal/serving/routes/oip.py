"""/v2: the routes of the Open Inference Protocol; they take pixels, not encoded images."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Header, Path, Request
from starlette.responses import Response

from foveal import __version__
from foveal.errors import ImageError
from foveal.prediction.prediction import NOT_FINITE
from foveal.serving.errors import RequestError, unavailable
from foveal.serving.models import ServedModel
from foveal.serving.oip import (
    JSON_LENGTH_HEADER,
    build_infer_response,
    build_model_metadata,
    parse_infer_request,
    refuse_large_json,
)
from foveal.serving.openapi import BINARY_SCHEMA, error_responses, request_body, schema_ref
from foveal.serving.schemas import (
    InferRequest,
    InferResponse,
    LiveSchema,
    ModelMetadata,
    ModelReady,
    ReadySchema,
    ServerMetadata,
)
from foveal.serving.state import PixelSource, ServerState

NameParameter = Annotated[str, Path(max_length=64, description="Name of the model.")]
JsonLengthHeader = Annotated[
    str | None, Header(description="Length of the JSON where binary tensors follow it.")
]
_BINARY = "application/octet-stream"
_INFER_BODY = {
    "application/json": {"schema": schema_ref(InferRequest)},
    _BINARY: {"schema": BINARY_SCHEMA},
}
_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {"model": InferResponse, "content": {_BINARY: {"schema": BINARY_SCHEMA}}}
}


def add_health_routes(app: FastAPI, state: ServerState) -> None:
    """Add the probes and the server's metadata."""

    @app.get("/v2/health/live", responses=error_responses(422))
    async def live() -> LiveSchema:
        """Whether the process answers."""
        return LiveSchema(live=True)

    @app.get("/v2/health/ready", responses=error_responses(422, 503))
    async def ready() -> ReadySchema:
        """Whether every model is loaded and the server is not stopping."""
        if state.draining:
            raise unavailable("the server is stopping")
        return ReadySchema(ready=True)

    @app.get("/v2", responses=error_responses(422))
    async def server() -> ServerMetadata:
        """Name, version and protocol extensions of the server."""
        return ServerMetadata(name="foveal", version=__version__, extensions=["binary_tensor_data"])


def add_inference_routes(app: FastAPI, state: ServerState) -> None:
    """Add the routes of the models."""

    @app.get("/v2/models/{name}", responses=error_responses(404, 422))
    async def model(name: NameParameter) -> ModelMetadata:
        """The model's inputs, outputs and labels."""
        served = state.models.get(name)
        manifest = served.predictor.manifest
        parameters = {"task": manifest.task, "native": served.native}
        shape, labels = manifest.network.input.shape, served.predictor.labels
        return build_model_metadata(name, served.version, shape, labels, parameters)

    @app.get("/v2/models/{name}/ready", responses=error_responses(404, 422))
    async def model_ready(name: NameParameter) -> ModelReady:
        """Whether the model is loaded."""
        return ModelReady(name=state.models.get(name).name, ready=True)

    @app.post(
        "/v2/models/{name}/infer",
        response_model=None,
        responses={**_RESPONSE, **error_responses(400, 404, 408, 413, 415, 422, 503)},
        openapi_extra=request_body(_INFER_BODY),
    )
    async def infer(
        request: Request,
        name: NameParameter,
        inference_header_content_length: JsonLengthHeader = None,
    ) -> Response:
        """Probabilities and labels of pixels: uint8 (N, height, width, channels)."""
        return await _infer(state, request, name, inference_header_content_length)


async def _infer(
    state: ServerState, request: Request, name: str, json_length: str | None
) -> Response:
    served = state.models.get(name)
    state.check_queue()
    shape = served.predictor.manifest.network.input.shape
    async with state.body_reader.read(request) as body:
        inputs = await asyncio.to_thread(parse_infer_request, body, json_length, shape)
        refuse_large_json(inputs, len(served.predictor.labels))
        probabilities = await _predict_pixels(state, served, inputs.pixels)
        state.metrics.images.labels(served.name, "predicted").inc(len(inputs.pixels))
        manifest = served.predictor.manifest
        content, length = await asyncio.to_thread(
            build_infer_response, inputs, probabilities, manifest, name, served.version
        )
    if length is None:
        return Response(content, media_type="application/json")
    return Response(content, media_type=_BINARY, headers={JSON_LENGTH_HEADER: str(length)})


async def _predict_pixels(
    state: ServerState, served: ServedModel, pixels: np.ndarray
) -> np.ndarray:
    step = 1 if served.native else state.settings.limits.batch_size  # the batches of /predict
    blocks = [pixels[start : start + step] for start in range(0, len(pixels), step)]
    results = await state.predict_rows(served, [_block_source(block) for block in blocks])
    return np.concatenate([_rows_or_raise(result) for result in results])


def _block_source(block: np.ndarray) -> PixelSource:
    return lambda: block


def _rows_or_raise(result: np.ndarray | ImageError) -> np.ndarray:
    if isinstance(result, ImageError):
        raise RequestError(422, result.reason)
    if not np.isfinite(result).all():
        raise RequestError(422, NOT_FINITE)
    return result
