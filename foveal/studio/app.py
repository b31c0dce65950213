"""Builds the studio's ASGI application from its routes."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from foveal.errors import Error
from foveal.files import disk_error
from foveal.serving.errors import RequestError, error_response
from foveal.studio.routes.data import data_routes
from foveal.studio.routes.look import look_routes
from foveal.studio.routes.network import network_routes
from foveal.studio.routes.projects import project_routes
from foveal.studio.routes.review import review_routes
from foveal.studio.routes.runs import run_routes
from foveal.studio.routes.tasks import task_routes
from foveal.studio.routes.trash import trash_routes
from foveal.studio.routes.uploads import upload_routes
from foveal.studio.routes.use import use_routes
from foveal.studio.state import StudioState


def create_app(state: StudioState) -> ASGIApp:
    """Every path but `/`, whose callers were checked; what fails answers with one sentence."""
    routes = [
        *project_routes(state),
        *data_routes(state),
        *upload_routes(state),
        *task_routes(state),
        *trash_routes(state),
        *look_routes(state),
        *use_routes(state),
        *review_routes(state),
        *network_routes(state),
        *run_routes(state),
    ]
    handlers = {
        RequestError: _on_request_error,
        Error: _on_error,
        OSError: _on_os_error(state),
        HTTPException: _on_http_exception,
        ClientDisconnect: _on_disconnect,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


def _respond(request: Request, error: RequestError) -> Response:
    return error_response(error, request.scope["state"]["request_id"])


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _respond(request, error)


async def _on_error(request: Request, error: Exception) -> Response:
    """What a person can cause, in the words of the verb."""
    return _respond(request, RequestError(422, str(error)))


def _on_os_error(state: StudioState) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Something lies in the workspace that the studio has not put there, or the disk is at its end.

    Also logged, as the studio may be to blame.
    """

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)
        text = "".join(traceback.format_exception(error, limit=20))
        request_id = request.scope["state"]["request_id"]
        state.log("request failed", level="error", id=request_id, traceback=text)
        return _respond(request, RequestError(422, str(disk_error(error))))

    return answer


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = "the studio has no such path; reload the page"
    if error.status_code == 405:
        reason = f"this path does not support {request.method}"
    return _respond(request, RequestError(error.status_code, reason))


async def _on_disconnect(request: Request, _error: Exception) -> Response:
    reason = "the connection closed before the request was complete"
    return _respond(request, RequestError(400, reason))
