"""What the OpenAPI document says beyond what FastAPI sees: bodies, failures, the token.

Knows nothing of what routes do.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from foveal.serving.middleware.auth import OPEN
from foveal.serving.oip import InferRequest
from foveal.serving.schemas import ErrorSchema

_SCHEMAS = "#/components/schemas/{model}"
_WHY = {
    400: "The body is not what it should be.",
    401: "The bearer token is missing or wrong.",
    403: "This Host or Origin may not ask.",
    404: "There is no such model or address.",
    408: "The request did not come in time.",
    409: "The model cannot be asked this.",
    413: "The body, or the number of parts, is over the bound.",
    415: "This Content-Type is not taken.",
    422: "A value or an image is not valid; `error` says why.",
    503: "Too much to do; Retry-After says when to try again.",
}


def reference(model: type[BaseModel]) -> dict[str, str]:
    """A pointer to a model's schema."""
    return {"$ref": _SCHEMAS.format(model=model.__name__)}


_FAILED = {"application/json": {"schema": reference(ErrorSchema)}}


def failing(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The failures of a route, as FastAPI's `responses`; 403 is in each."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, 400, 403}):
        found[status] = {"description": _WHY[status], "content": _FAILED}
        if status == 503:
            header = {"schema": {"type": "integer"}, "description": "Seconds."}
            found[status]["headers"] = {"Retry-After": header}
    return found


def sending(content: dict[str, Any]) -> dict[str, Any]:
    """A route's request body, which it reads itself."""
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, *, secured: bool) -> None:
    """Make `app` tell the whole truth at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title, version=app.version, description=app.description,
                routes=app.routes,
            )  # fmt: skip
            _add_schemas(found)
            if secured:
                _secure(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _add_schemas(document: dict[str, Any]) -> None:
    own: list[Any] = [(InferRequest, "validation"), (ErrorSchema, "serialization")]
    _, found = models_json_schema(own, ref_template=_SCHEMAS)
    document["components"]["schemas"].update(found["$defs"])


def _secure(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        if path in OPEN:
            continue
        for operation in operations.values():
            operation["security"] = [{"token": []}]
            operation["responses"]["401"] = {"description": _WHY[401], "content": _FAILED}
