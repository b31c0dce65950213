"""The outermost application: every request gets an id, an access check, a log line and a response.

An exception of the application becomes one JSON object without a path or a traceback.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foveal.serving.errors import RequestError, error_response, make_request_id, unavailable
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.middleware.auth import make_access_check
from foveal.serving.settings import Settings

CLIENT_CLOSED_REQUEST = 499
"""The status logged for a client that disconnected before its response (as nginx logs it)."""
_MAX_LOGGED_PATH = 200
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class RequestMiddleware:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._app, self._metrics, self._log = app, metrics, log
        self._check_access = make_access_check(settings)
        self._origins = settings.cross_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _TrackedRequest(scope, send, self._cors_origin(scope))
        try:
            await self._serve(request, scope, receive)
        except asyncio.CancelledError:
            if scope["state"].get("disconnected"):
                request.status = CLIENT_CLOSED_REQUEST
            elif request.status is None:
                error = unavailable("the server is stopping; try again")
                await request.send_error(error, scope, receive)
        finally:
            self._record(request, scope)

    async def _serve(self, request: _TrackedRequest, scope: Scope, receive: Receive) -> None:
        try:
            preflight = scope["method"] == "OPTIONS" and request.cors_origin is not None
            # A browser sends no token with a preflight request: it is checked as a public path.
            self._check_access("/" if preflight else scope["path"], scope["headers"])
            if preflight:
                await request.send_preflight()
                return
            await self._app(scope, receive, request.send)
        except RequestError as error:
            await request.send_error(error, scope, receive)
        except Exception:
            text = traceback.format_exc(limit=20)
            self._log("request failed", level="error", id=request.id, traceback=text)

    def _cors_origin(self, scope: Scope) -> bytes | None:
        if not self._origins:
            return None
        for name, value in scope["headers"]:
            if name == b"origin" and value.decode("latin-1").lower() in self._origins:
                return bytes(value)
        return None

    def _record(self, request: _TrackedRequest, scope: Scope) -> None:
        seconds = time.perf_counter() - request.started
        route = getattr(scope.get("route"), "path", "other")
        status = request.status or 500
        self._metrics.requests.labels(route, status).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        client = scope.get("client")
        self._log(
            "request",
            id=request.id,
            method=scope["method"],
            path=scope["path"][:_MAX_LOGGED_PATH],
            status=status,
            ms=round(seconds * 1000, 2),
            client=client[0] if client else None,
        )


class _TrackedRequest:
    """One request: its id, when it started, its allowed cross origin, and the status sent."""

    def __init__(self, scope: Scope, send: Send, cors_origin: bytes | None) -> None:
        header = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        self.id = make_request_id(header)
        scope.setdefault("state", {})["request_id"] = self.id
        self.started = time.perf_counter()
        self.status: int | None = None
        self.cors_origin = cors_origin
        self._send = send

    async def send(self, message: Message) -> None:
        """Send a message, adding the headers every response has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *_SECURITY_HEADERS]
            headers.append((b"x-request-id", self.id.encode()))
            if self.cors_origin:
                headers.append((b"access-control-allow-origin", self.cors_origin))
                headers.append((b"vary", b"origin"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def send_error(self, error: RequestError, scope: Scope, receive: Receive) -> None:
        """Respond with the error."""
        await error_response(error, self.id)(scope, receive, self.send)

    async def send_preflight(self) -> None:
        """Respond to a CORS preflight request of an allowed origin."""
        headers: list[tuple[bytes, Any]] = [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, x-request-id"),
            (b"access-control-max-age", b"600"),
        ]
        await self.send({"type": "http.response.start", "status": 204, "headers": headers})
        await self.send({"type": "http.response.body", "body": b""})
