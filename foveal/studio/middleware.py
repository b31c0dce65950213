"""The outermost application: access, security headers, and one JSON sentence for what fails."""

from __future__ import annotations

import asyncio
import traceback

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foveal.serving.errors import RequestError, error_response, make_request_id
from foveal.serving.logs import Log
from foveal.studio.security import Access

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
"""Of every response; a response that brings one of them itself keeps its own."""


class StudioMiddleware:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, access: Access, log: Log) -> None:
        self._app, self._access, self._log = app, access, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever is not HTTP, such as a websocket, is not answered."""
        if scope["type"] != "http":
            return
        request_id = make_request_id(None)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": _with_security(message.get("headers", ()))}
            await send(message)

        try:
            self._access.check(Request(scope))
            await self._app(scope, receive, send_with_headers)
        except RequestError as error:
            await error_response(error, request_id)(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            return
        except Exception:
            text = traceback.format_exc(limit=20)
            self._log("request failed", level="error", id=request_id, traceback=text)
            if not started:
                reason = "the studio failed; the terminal it runs in has the details"
                answer = error_response(RequestError(500, reason), request_id)
                await answer(scope, receive, send_with_headers)


def _with_security(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    own = {name for name, _ in headers}
    return [*headers, *(item for item in SECURITY_HEADERS.items() if item[0] not in own)]
