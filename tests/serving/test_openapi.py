"""The OpenAPI document describes bodies, errors and the token."""

from __future__ import annotations

from fastapi import FastAPI

from foveal.serving.openapi import error_responses, install_openapi, request_body, schema_ref
from foveal.serving.schemas import ErrorSchema, ModelListSchema

ERROR_REF = {"$ref": "#/components/schemas/ErrorSchema"}


def document(*, token_required: bool) -> dict:
    app = FastAPI(title="t")
    body = {"image/png": {"schema": {"type": "string", "format": "binary"}}}

    @app.post("/predict", responses=error_responses(503), openapi_extra=request_body(body))
    async def predict() -> ModelListSchema:
        return ModelListSchema(models=[])

    @app.get("/", responses=error_responses())
    async def page() -> dict:
        return {}

    install_openapi(app, token_required=token_required)
    assert app.openapi() is app.openapi()
    return app.openapi()


def test_a_reference() -> None:
    assert schema_ref(ErrorSchema) == ERROR_REF


def test_every_route_lists_400_and_403_and_503_has_retry_after() -> None:
    responses = error_responses(503)
    assert list(responses) == [400, 403, 503]
    assert all(
        each["content"] == {"application/json": {"schema": ERROR_REF}}
        for each in responses.values()
    )
    assert responses[503]["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    assert "headers" not in responses[400]


def test_the_document_has_the_bodies_and_their_schemas() -> None:
    spec = document(token_required=False)
    operation = spec["paths"]["/predict"]["post"]
    assert operation["requestBody"]["required"]
    assert list(operation["requestBody"]["content"]) == ["image/png"]
    assert {"ErrorSchema", "InferRequest", "InputTensor"} <= set(spec["components"]["schemas"])
    assert "security" not in operation
    assert "securitySchemes" not in spec["components"]


def test_a_token_is_required_except_for_public_paths() -> None:
    spec = document(token_required=True)
    operation = spec["paths"]["/predict"]["post"]
    assert operation["security"] == [{"token": []}]
    assert "401" in operation["responses"]
    assert "security" not in spec["paths"]["/"]["get"]
    assert spec["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
