"""Builds the server's ASGI application from its routes."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from foveal import __version__
from foveal.serving.errors import RequestError, error_response, validation_reason
from foveal.serving.middleware.head import HeadAsGet
from foveal.serving.middleware.requests import RequestMiddleware
from foveal.serving.openapi import install_openapi
from foveal.serving.routes.oip import add_health_routes, add_inference_routes
from foveal.serving.routes.pages import add_explain_route, add_page_routes
from foveal.serving.routes.predict import PREDICT_PATH, add_predict_route, handle_predict
from foveal.serving.state import ServerState


def create_app(state: ServerState) -> ASGIApp:
    """The whole application, with access checks, request ids and logs."""
    app = HeadAsGet(PredictShortcut(create_routes(state), state))
    return RequestMiddleware(app, state.settings, state.metrics, state.log)


def create_routes(state: ServerState) -> FastAPI:
    """The routes and their error handlers; OpenAPI is at /openapi.json."""
    app = FastAPI(
        title="Foveal",
        version=__version__,
        description="Image classification with models that Foveal trained or exported.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_reject_unknown_parameters)],
    )
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_exception)
    add_predict_route(app, state)
    add_page_routes(app, state)
    add_health_routes(app, state)
    add_inference_routes(app, state)
    if state.explain is not None:
        add_explain_route(app, state, state.explain)
    install_openapi(app, token_required=state.settings.token is not None)
    return app


class PredictShortcut:
    """Answers POST /predict without parameters past FastAPI's routing; `app` has every other one.

    Without it a server gives 0.84 of the requests a second for photos and 0.67 for 32x32 images
    (32 clients; benchmarks/serving_variants.py).
    """

    def __init__(self, app: FastAPI, state: ServerState) -> None:
        self._app, self._state = app, state
        (self._route,) = (
            route for route in app.routes if getattr(route, "path", None) == PREDICT_PATH
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if (
            scope["type"] != "http"
            or scope["path"] != PREDICT_PATH
            or scope["method"] != "POST"
            or scope["query_string"]
        ):
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        request = Request(scope, receive)
        try:
            response = await handle_predict(self._state, request)
        except RequestError as error:
            response = await _on_request_error(request, error)
        except ClientDisconnect as error:
            response = await _on_disconnect(request, error)
        except Exception as error:
            await (await _on_exception(request, error))(scope, receive, send)
            raise
        await response(scope, receive, send)


async def _reject_unknown_parameters(request: Request) -> None:
    """Reject a query parameter the route does not have: a mistyped one is never ignored."""
    if not request.query_params:
        return
    names = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        count = len(request.query_params.getlist(name))
        if name in names and count > 1:
            raise RequestError(422, f"parameter '{name}' is given {count} times; give it once")
        if name not in names:
            valid = f"valid parameters: {', '.join(names)}" if names else "this path has none"
            raise RequestError(422, f"unknown parameter '{name[:64]}'; {valid}")


def _respond(request: Request, error: RequestError) -> Response:
    return error_response(error, request.scope["state"]["request_id"])


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _respond(request, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    reason = "the request is not valid"
    if error.status_code == 404:
        reason = "this path does not exist; images go to /predict, /openapi.json lists all paths"
    elif error.status_code == 405:
        if headers.get("allow") == "GET":
            headers["allow"] = "GET, HEAD"
        reason = f"this path does not support {request.method}; use {headers.get('allow')}"
    return _respond(request, RequestError(error.status_code, reason, headers=headers))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _respond(request, RequestError(422, validation_reason(error.errors())))


async def _on_disconnect(request: Request, _error: Exception) -> Response:
    reason = "the connection closed before the request was complete"
    return _respond(request, RequestError(400, reason))


async def _on_exception(request: Request, _error: Exception) -> Response:
    """A bug of the server; the exception goes on to RequestMiddleware, which logs it."""
    reason = "internal server error; the server's log has the details under this id"
    return _respond(request, RequestError(500, reason))
