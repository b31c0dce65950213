"""The outermost application: every request gets an id, a check, a log line, and an answer.

Knows nothing of what routes do; whatever goes wrong behind it becomes one JSON object without
a path or a trace.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foveal.serving import errors
from foveal.serving.errors import RequestError, busy
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.middleware.auth import guard
from foveal.serving.settings import Settings

_LEFT = 499
"""The status a log shows for a client that left before its answer."""
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class RequestMiddleware:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._app, self._metrics, self._log = app, metrics, log
        self._check = guard(settings)
        self._origins = {origin.lower().rstrip("/") for origin in settings.origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, send, self._cors(scope))
        try:
            await self._serve(visit, scope, receive)
        except asyncio.CancelledError:
            if scope["state"].get("left"):
                visit.status = _LEFT
            elif visit.status is None:
                await visit.fail(busy("the server is stopping; try again"), scope, receive)
        finally:
            self._record(visit, scope)

    async def _serve(self, visit: _Visit, scope: Scope, receive: Receive) -> None:
        try:
            preflight = scope["method"] == "OPTIONS" and visit.cors is not None
            # A browser asks whether it may ask without the token, as for the page.
            self._check("/" if preflight else scope["path"], scope["headers"])
            if preflight:
                await visit.preflight()
                return
            await self._app(scope, receive, visit.send)
        except RequestError as failure:
            await visit.fail(failure, scope, receive)
        except Exception:
            self._log(
                "failed", level="error", id=visit.identity, trace=traceback.format_exc(limit=20)
            )

    def _cors(self, scope: Scope) -> bytes | None:
        if not self._origins:
            return None
        for name, value in scope["headers"]:
            if name == b"origin" and value.decode("latin-1").lower() in self._origins:
                return bytes(value)
        return None

    def _record(self, visit: _Visit, scope: Scope) -> None:
        seconds = time.perf_counter() - visit.began
        route = getattr(scope.get("route"), "path", "other")
        status = visit.status or 500
        self._metrics.requests.labels(route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        client = scope.get("client")
        self._log(
            "request",
            id=visit.identity,
            method=scope["method"],
            path=scope["path"][:200],
            status=status,
            ms=round(seconds * 1000, 2),
            client=client[0] if client else None,
        )


class _Visit:
    """One request on its way: its id, when it came, and the status it got."""

    def __init__(self, scope: Scope, send: Send, cors: bytes | None) -> None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        self.identity = errors.identity(given)
        scope.setdefault("state", {})["identity"] = self.identity
        self.began = time.perf_counter()
        self.status: int | None = None
        self.cors = cors
        self._send = send

    async def send(self, message: Message) -> None:
        """Send on, adding the headers every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *_SECURITY]
            headers.append((b"x-request-id", self.identity.encode()))
            if self.cors:
                headers += [(b"access-control-allow-origin", self.cors), (b"vary", b"origin")]
            message = {**message, "headers": headers}
        await self._send(message)

    async def fail(self, failure: RequestError, scope: Scope, receive: Receive) -> None:
        """Answer with the failure."""
        await errors.response(failure, self.identity)(scope, receive, self.send)

    async def preflight(self) -> None:
        """Answer a browser that asks whether an allowed origin may ask."""
        headers: list[tuple[bytes, Any]] = [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, x-request-id"),
            (b"access-control-max-age", b"600"),
        ]
        await self.send({"type": "http.response.start", "status": 204, "headers": headers})
        await self.send({"type": "http.response.body", "body": b""})
