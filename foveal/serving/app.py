"""The server's application, put together from its routes by one function.

Knows nothing of sockets and processes.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from foveal import __version__
from foveal.serving import errors
from foveal.serving.errors import RequestError
from foveal.serving.middleware.requests import RequestMiddleware
from foveal.serving.openapi import describe
from foveal.serving.routes.oip import add_health, add_inference
from foveal.serving.routes.pages import add_explain, add_plain
from foveal.serving.routes.predict import PATH, add_predict, predicted
from foveal.serving.state import ServerState

_SAID = {404: "there is nothing at this address", 405: "this method is not taken here"}


def application(room: ServerState) -> FastAPI:
    """The routes over `room`, without the gate; OpenAPI is at /openapi.json."""
    app = FastAPI(
        title="Foveal",
        version=__version__,
        description="Recognises images; every answer is the Predictor's.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_known)],
    )
    app.add_exception_handler(RequestError, _failed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _broken)
    add_predict(app, room)
    add_plain(app, room)
    add_health(app, room)
    add_inference(app, room)
    if room.explain is not None:
        add_explain(app, room, room.explain)
    describe(app, secured=room.settings.token is not None)
    return app


def gated(room: ServerState) -> ASGIApp:
    """The whole application as it is served."""
    return RequestMiddleware(Direct(application(room), room), room.settings, room.metrics, room.log)


class Direct:
    """Answers POST /predict without parameters itself: FastAPI's routing takes longer than all else
    on the event loop.  Everything else, the same route with parameters too, goes to `app`."""

    def __init__(self, app: FastAPI, room: ServerState) -> None:
        self._app, self._room = app, room
        (self._route,) = (route for route in app.routes if getattr(route, "path", None) == PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if (
            scope["type"] != "http"
            or scope["path"] != PATH
            or scope["method"] != "POST"
            or scope["query_string"]
        ):
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        request = Request(scope, receive)
        try:
            response = await predicted(self._room, request)
        except RequestError as failure:
            response = await _failed(request, failure)
        except ClientDisconnect as error:
            response = await _left(request, error)
        except Exception as error:
            await (await _broken(request, error))(scope, receive, send)
            raise
        await response(scope, receive, send)


async def _known(request: Request) -> None:
    """Refuse a query parameter the route does not have: a mistyped one is never passed over."""
    if not request.query_params:
        return
    names = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in names:
            known = f"there is: {', '.join(names)}" if names else "there is none"
            raise RequestError(422, f"there is no parameter '{name[:64]}' here; {known}")


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return errors.response(error, request.scope["state"]["identity"])


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = _SAID.get(error.status_code, "the request is not valid")
    failure = RequestError(error.status_code, reason, headers=dict(error.headers or {}))
    return errors.response(failure, request.scope["state"]["identity"])


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    failure = RequestError(422, f"{first['loc'][-1]}: {first['msg']}")
    return errors.response(failure, request.scope["state"]["identity"])


async def _left(request: Request, _error: Exception) -> Response:
    failure = RequestError(400, "the connection closed before the request was complete")
    return errors.response(failure, request.scope["state"]["identity"])


async def _broken(request: Request, _error: Exception) -> Response:
    """Our own fault; the gate, where the error goes on to, writes it to the log."""
    failure = RequestError(500, "something went wrong here; the log has it under this id")
    return errors.response(failure, request.scope["state"]["identity"])
