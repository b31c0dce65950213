"""The parts of the OpenAPI document that FastAPI does not derive: bodies, errors, the token."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from foveal.serving.middleware.auth import PUBLIC_PATHS
from foveal.serving.schemas import ErrorSchema, InferRequest

BINARY_SCHEMA = {"type": "string", "format": "binary"}
_REF_TEMPLATE = "#/components/schemas/{model}"
_ERROR_DESCRIPTIONS = {
    400: "The request body or a header is malformed.",
    401: "The bearer token is missing or wrong.",
    403: "This Host or Origin is not allowed.",
    404: "There is no such model or path.",
    408: "The request was not received in time.",
    409: "The model does not support this.",
    413: "The body or the number of parts is over its limit.",
    415: "This Content-Type or Content-Encoding is not supported.",
    422: "A value or an image is not valid; `error` says why.",
    503: "The server is overloaded; Retry-After says when to try again.",
}


def schema_ref(model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model's schema."""
    return {"$ref": _REF_TEMPLATE.format(model=model.__name__)}


_ERROR_CONTENT = {"application/json": {"schema": schema_ref(ErrorSchema)}}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, as FastAPI's `responses`; 400 and 403 are always included."""
    responses: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, 400, 403}):
        responses[status] = {"description": _ERROR_DESCRIPTIONS[status], "content": _ERROR_CONTENT}
        if status == 503:
            header = {"schema": {"type": "integer"}, "description": "Seconds."}
            responses[status]["headers"] = {"Retry-After": header}
    return responses


def request_body(content: dict[str, Any]) -> dict[str, Any]:
    """The request body of a route that reads it itself, as FastAPI's `openapi_extra`."""
    return {"requestBody": {"required": True, "content": content}}


def install_openapi(app: FastAPI, *, token_required: bool) -> None:
    """Complete the document that `app` serves at /openapi.json."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _add_schemas(document)
            if token_required:
                _add_bearer_auth(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_schemas(document: dict[str, Any]) -> None:
    models: list[Any] = [(InferRequest, "validation"), (ErrorSchema, "serialization")]
    _, schemas = models_json_schema(models, ref_template=_REF_TEMPLATE)
    document["components"]["schemas"].update(schemas["$defs"])


def _add_bearer_auth(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        if path in PUBLIC_PATHS:
            continue
        for operation in operations.values():
            operation["security"] = [{"token": []}]
            operation["responses"]["401"] = {
                "description": _ERROR_DESCRIPTIONS[401],
                "content": _ERROR_CONTENT,
            }
