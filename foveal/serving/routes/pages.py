"""The page at /, the list of models, the metrics, and the explanation of one image."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import FastAPI, Query, Request
from starlette.responses import HTMLResponse, Response

from foveal.errors import Error, ImageError
from foveal.serving.body import IMAGE_CONTENT_TYPES, body_format
from foveal.serving.errors import RequestError, unavailable
from foveal.serving.openapi import BINARY_SCHEMA, error_responses, request_body
from foveal.serving.routes.predict import ModelParameter
from foveal.serving.schemas import ModelListSchema
from foveal.serving.state import ExplainFunction, ServerState
from foveal.serving.unreadable import unreadable_reason

if TYPE_CHECKING:
    from foveal.model.model import Model

LanguageParameter = Annotated[
    Literal["en", "ko"] | None, Query(description="Default: the browser's Accept-Language.")
]
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; media-src blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "permissions-policy": "camera=(self)",
}
_EXPLANATION_HEADERS = {"content-security-policy": "sandbox allow-scripts"}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_HTML = {"text/html": {"schema": {"type": "string"}}}
_EXPLAIN_BODY = {name: {"schema": BINARY_SCHEMA} for name in IMAGE_CONTENT_TYPES}
_RUNNING_RETRY_SECONDS = 5
_TIMEOUT_RETRY_SECONDS = 10


def add_page_routes(app: FastAPI, state: ServerState) -> None:
    """Add the page, the models' names and the metrics."""

    @app.get("/", response_class=HTMLResponse, responses=error_responses(422))
    async def page(request: Request, lang: LanguageParameter = None) -> Response:
        """A page that classifies an image from a file, the clipboard or the camera."""
        from foveal.pages import render

        data = {
            "models": list(state.models.by_name),
            "token_required": state.settings.token is not None,
            "can_explain": state.explain is not None,
            "max_bytes": state.settings.limits.body_bytes,
        }
        html = render("serve", data, lang or _preferred_language(request))
        return HTMLResponse(html, headers=_PAGE_HEADERS)

    @app.get("/models", responses=error_responses(422))
    async def models() -> ModelListSchema:
        """The names of the models."""
        return ModelListSchema(models=list(state.models.by_name))

    @app.get(
        "/metrics",
        responses={200: {"content": _TEXT}, **error_responses(422)},
        response_class=Response,
    )
    async def metrics() -> Response:
        """Prometheus metrics."""
        text = await asyncio.to_thread(state.metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _preferred_language(request: Request) -> str:
    header = request.headers.get("accept-language", "").lower()
    return "ko" if header.startswith("ko") else "en"


def add_explain_route(app: FastAPI, state: ServerState, explain: ExplainFunction) -> None:
    """Add the route that explains; only native models can be explained."""

    @app.post(
        "/explain",
        response_class=HTMLResponse,
        responses={200: {"content": _HTML}, **error_responses(404, 408, 409, 413, 415, 422, 503)},
        openapi_extra=request_body(_EXPLAIN_BODY),
    )
    async def explain_image(
        request: Request, model: ModelParameter = None, lang: LanguageParameter = None
    ) -> Response:
        """One HTML page that shows the network's activations and attributions for the image."""
        served = state.models.get(model)
        if not served.native:
            raise RequestError(
                409, "this model is an exported file; only native model files can be explained"
            )
        if body_format(request) != "image":
            raise RequestError(
                415, "send the bytes of one image as image/* or application/octet-stream"
            )
        _reject_second_explanation(state)
        language = lang or _preferred_language(request)
        async with state.body_reader.read(request) as body:
            html = await _explain(state, explain, served.predictor.native, body, language)
        return HTMLResponse(html, headers=_EXPLANATION_HEADERS)


def _reject_second_explanation(state: ServerState) -> None:
    if state.explanation_running:
        state.metrics.rejected.labels("explanation running").inc()
        raise unavailable("another explanation is running; try again", _RUNNING_RETRY_SECONDS)


async def _explain(
    state: ServerState, explain: ExplainFunction, model: Model, image: bytes, language: str
) -> str:
    """Explain on a thread of its own, one image at a time, also after a timeout."""
    _reject_second_explanation(state)  # one may have started while this body was received
    state.explanation_running = True

    def work() -> str:
        try:
            return explain(model, image, language)
        finally:
            state.explanation_running = False

    try:
        async with asyncio.timeout(state.settings.limits.explain_seconds):
            # Shielded: cancelled before a thread is free, `work` would never set the flag back.
            return await asyncio.shield(asyncio.to_thread(work))
    except TimeoutError:
        raise unavailable("the explanation timed out; try again", _TIMEOUT_RETRY_SECONDS) from None
    except ImageError as error:
        raise RequestError(422, unreadable_reason(image, error.reason)) from None
    except Error as error:
        state.log("explanation failed", level="warning", reason=str(error))
        raise RequestError(
            409, "this model cannot be explained; the server's log has the reason"
        ) from None
