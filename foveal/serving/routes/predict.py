"""POST /predict: images as raw bytes or multipart, answers as `predict --format jsonl`.

Knows nothing of queues or models' insides.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from foveal.errors import ImageError
from foveal.prediction.prediction import Prediction, make_prediction
from foveal.serving import body as bodies
from foveal.serving.errors import RequestError
from foveal.serving.models import ServedModel
from foveal.serving.openapi import failing, sending
from foveal.serving.schemas import PredictionSchema, PredictionsSchema
from foveal.serving.state import ServerState, image

ModelName = Annotated[
    str | None, Query(max_length=64, description="Which model; without it the first.")
]
Top = Annotated[
    Annotated[int, Query(ge=1, le=100_000)] | Literal["all"],
    Query(description="How many classes to list, the likeliest first, or `all`."),
]
PATH = "/predict"
TOP = 5
"""How many classes are listed where nothing is said."""
_ENCODED = json.JSONEncoder(ensure_ascii=False).encode
_IMAGE = {"type": "string", "format": "binary"}
_BODY = {
    **{media: {"schema": _IMAGE} for media in bodies.RAW},
    bodies.MULTIPART: {
        "schema": {
            "type": "object",
            "properties": {"image": {"type": "array", "items": _IMAGE, "minItems": 1}},
            "required": ["image"],
        }
    },
}


def add_predict(app: FastAPI, room: ServerState) -> None:
    """Add the route."""

    @app.post(
        PATH,
        response_model=PredictionSchema | PredictionsSchema,
        responses=failing(400, 404, 408, 413, 415, 422, 503),
        openapi_extra=sending(_BODY),
    )
    async def predict(request: Request, model: ModelName = None, top: Top = TOP) -> Response:
        """What is on an image; several sent as multipart/form-data come as `predictions`."""
        return await predicted(room, request, model, top)


async def predicted(
    room: ServerState, request: Request, model: str | None = None, top: int | str = TOP
) -> Response:
    """The answer to POST /predict.  Raises Failure, and ClientDisconnect where nobody waits."""
    served = room.models.get(model)
    sort = bodies.kind(request)
    room.admit()
    async with room.bodies.body(request) as body:
        if sort == "raw":
            return _json(await _one(room, served, body, top))
        content_type = request.headers["content-type"]
        most = room.settings.limits.parts
        sent = await asyncio.to_thread(bodies.parts, body, content_type, most)
        return _json(await _several(room, served, sent, top))


def _json(value: Any) -> Response:
    return Response(_ENCODED(value).encode(), media_type="application/json")


async def _one(
    room: ServerState, served: ServedModel, content: bytes, top: int | str
) -> dict[str, Any]:
    outcome = (await room.rows(served, [image(served, content)]))[0]
    if isinstance(outcome, ImageError):
        room.metrics.images.labels(served.name, "unreadable").inc()
        raise RequestError(422, outcome.reason)
    room.metrics.images.labels(served.name, "answered").inc()
    return _answer(served, outcome, None, top)


async def _several(
    room: ServerState, served: ServedModel, sent: list[bodies.Part], top: int | str
) -> dict[str, Any]:
    outcomes = await room.rows(served, [image(served, content) for _, content in sent])
    answers = [
        _answer(served, outcome, name, top)
        for (name, _), outcome in zip(sent, outcomes, strict=True)
    ]
    unread = sum(answer["error"] is not None for answer in answers)
    room.metrics.images.labels(served.name, "unreadable").inc(unread)
    room.metrics.images.labels(served.name, "answered").inc(len(answers) - unread)
    if unread == len(answers):
        raise RequestError(422, "no image could be read", predictions=answers)
    return {"predictions": answers}


def _answer(
    served: ServedModel, outcome: np.ndarray | ImageError, name: str | None, top: int | str
) -> dict[str, Any]:
    if isinstance(outcome, ImageError):
        return Prediction(name, error=outcome.reason).to_data()
    count = None if top == "all" else int(top)
    return make_prediction(outcome[0], served.predictor.manifest, name, count).to_data()
