"""POST /predict: images as raw bytes or multipart, predictions as `predict --format jsonl`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from foveal.errors import ImageError
from foveal.prediction.prediction import Prediction, make_prediction
from foveal.serving.body import (
    IMAGE_CONTENT_TYPES,
    MULTIPART_CONTENT_TYPE,
    Part,
    body_format,
    is_form,
    parse_multipart,
)
from foveal.serving.errors import RequestError
from foveal.serving.models import ServedModel
from foveal.serving.oip import MAX_JSON_VALUES
from foveal.serving.openapi import BINARY_SCHEMA, error_responses, request_body
from foveal.serving.schemas import PredictionSchema, PredictionsSchema
from foveal.serving.state import ServerState, image_source
from foveal.serving.unreadable import has_lost_line_ends, unreadable_reason
from foveal.text import and_more

ModelParameter = Annotated[
    str | None, Query(max_length=64, description="Name of the model; default: the first.")
]
TopParameter = Annotated[
    Annotated[int, Query(ge=1, le=100_000)] | Literal["all"],
    Query(description="How many classes to list, most probable first, or `all`."),
]
PREDICT_PATH = "/predict"
DEFAULT_TOP = 5
MAX_LISTED_FIELDS = 5
_encode_json = json.JSONEncoder(ensure_ascii=False).encode
_MULTIPART_SCHEMA = {
    "type": "object",
    "properties": {"image": {"type": "array", "items": BINARY_SCHEMA, "minItems": 1}},
    "required": ["image"],
}
_PREDICT_BODY = {
    **{content_type: {"schema": BINARY_SCHEMA} for content_type in IMAGE_CONTENT_TYPES},
    MULTIPART_CONTENT_TYPE: {"schema": _MULTIPART_SCHEMA},
}


def add_predict_route(app: FastAPI, state: ServerState) -> None:
    """Add the route."""

    @app.post(
        PREDICT_PATH,
        response_model=PredictionSchema | PredictionsSchema,
        responses=error_responses(400, 404, 408, 413, 415, 422, 503),
        openapi_extra=request_body(_PREDICT_BODY),
    )
    async def predict(
        request: Request, model: ModelParameter = None, top: TopParameter = DEFAULT_TOP
    ) -> Response:
        """Classify one image, or several sent as multipart/form-data (`predictions`)."""
        return await handle_predict(state, request, model, top)


async def handle_predict(
    state: ServerState, request: Request, model: str | None = None, top: int | str = DEFAULT_TOP
) -> Response:
    """The response to POST /predict.  Raises RequestError, and ClientDisconnect."""
    served = state.models.get(model)
    multipart = body_format(request) == "multipart"
    state.check_queue()
    async with state.body_reader.read(request) as body:
        if not multipart:
            if is_form(request) and has_lost_line_ends(body):
                raise RequestError(422, unreadable_reason(body, "", form=True))
            form = is_form(request)
            return _json_response(await _predict_one(state, served, body, top, form=form))
        content_type = request.headers["content-type"]
        max_parts = state.settings.limits.multipart_parts
        parts = await asyncio.to_thread(parse_multipart, body, content_type, max_parts)
        return _json_response(await _predict_parts(state, served, parts, top))


def _json_response(value: Any) -> Response:
    return Response(_encode_json(value).encode(), media_type="application/json")


async def _predict_one(
    state: ServerState, served: ServedModel, content: bytes, top: int | str, *, form: bool
) -> dict[str, Any]:
    result = (await state.predict_rows(served, [image_source(served, content)]))[0]
    if isinstance(result, ImageError):
        state.metrics.images.labels(served.name, "unreadable").inc()
        raise RequestError(422, unreadable_reason(content, result.reason, form=form))
    data = _prediction_data(served, result, None, top)
    if data["error"] is not None:
        raise RequestError(422, data["error"])
    state.metrics.images.labels(served.name, "predicted").inc()
    return data


async def _predict_parts(
    state: ServerState, served: ServedModel, parts: list[Part], top: int | str
) -> dict[str, Any]:
    fields = [part.field for part in parts if not part.is_file]
    parts = [part for part in parts if part.is_file]
    if not parts:
        raise RequestError(
            422,
            f"the form has no file, only {_quoted(fields)}; send each image as a file "
            "(curl -F image=@FILE), base64 text has to be decoded first",
        )
    labels = len(served.predictor.labels)
    values = len(parts) * (labels if top == "all" else min(int(top), labels))
    if values > MAX_JSON_VALUES:
        raise RequestError(
            413,
            f"the response would have {values:,} probabilities, the limit is {MAX_JSON_VALUES:,}; "
            "send fewer images, or ask for fewer classes with top",
        )
    sources = [image_source(served, part.content) for part in parts]
    results = await state.predict_rows(served, sources)

    def describe() -> list[dict[str, Any]]:
        return [
            _prediction_data(served, _with_advice(result, part.content), part.filename, top)
            for part, result in zip(parts, results, strict=True)
        ]

    predictions = await asyncio.to_thread(describe)  # of many classes it takes seconds
    unreadable = sum(prediction["error"] is not None for prediction in predictions)
    state.metrics.images.labels(served.name, "unreadable").inc(unreadable)
    state.metrics.images.labels(served.name, "predicted").inc(len(predictions) - unreadable)
    if unreadable == len(predictions):
        raise RequestError(422, "none of the images could be read", predictions=predictions)
    return {"predictions": predictions, **({"ignored_fields": fields} if fields else {})}


def _quoted(fields: list[str]) -> str:
    return f"the text fields {and_more((repr(name) for name in fields), MAX_LISTED_FIELDS)}"


def _with_advice(result: np.ndarray | ImageError, content: bytes) -> np.ndarray | ImageError:
    if isinstance(result, ImageError):
        return ImageError(unreadable_reason(content, result.reason))
    return result


def _prediction_data(
    served: ServedModel, result: np.ndarray | ImageError, filename: str | None, top: int | str
) -> dict[str, Any]:
    if isinstance(result, ImageError):
        return Prediction(filename, error=result.reason).to_data()
    count = None if top == "all" else int(top)
    return make_prediction(result[0], served.predictor.manifest, filename, count).to_data()
