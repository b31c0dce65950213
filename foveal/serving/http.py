"""HTTP/1.1 with bounds on time and size: slow, huge and too many clients are closed.

Knows nothing of what is asked; it stands between the socket and the application.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from foveal.serving import errors
from foveal.serving.metrics import Metrics
from foveal.serving.settings import ServerLimits

DRAIN_FACTOR = 4
"""A refused body is read and dropped up to so many times the limit, so that the client, still
sending, sees the answer and not a reset connection."""


PIPELINE = 32
"""Requests a connection may send ahead of their answers."""
_FINAL = tuple(b"HTTP/1.1 %d" % digit for digit in range(2, 6))
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class Joined:
    """A transport that sends the head of an answer together with its body: one packet, not two."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._begun = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Hold a head, send anything else behind it."""
        if not self._begun and data.startswith(_FINAL):
            self._begun, self._head = True, data
        else:
            self._transport.write(self._head + data)
            self._head = b""

    def flush(self) -> None:
        """Send a head that has no body."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Close when all is sent."""
        self.flush()
        self._transport.close()


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines for receiving and sending and bounds on the head.

    A client that leaves cancels its request, so that its place in the queue is free at once.
    """

    limits: ServerLimits
    metrics: Metrics

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head = self._fields = self._body = 0
        self._work: tuple[asyncio.Task[None], RequestResponseCycle] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it where there are too many."""
        super().connection_made(transport)
        self._arm()
        if len(self.connections) > self.limits.connections:
            self.metrics.closed.labels("too many connections").inc()
            self._refuse(503, "too many connections are open; try again", b"retry-after: 1\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and stop the work that was done for it."""
        self._disarm()
        if self._sending is not None:
            self._sending.cancel()
        super().connection_lost(exc)
        if self._work is not None:
            task, cycle = self._work
            cycle.scope["state"]["left"] = True
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what has come; a head that grows without end is refused."""
        self._arm()
        if self._in_head:
            self._head += len(data)
            data = _plain(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head > self.limits.head_bytes:
            self._too_much_head()

    def on_message_begin(self) -> None:
        """Start the clock and the count of a request's head."""
        super().on_message_begin()
        self._arm()
        self._in_head, self._fields, self._body = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """Count the address as part of the head."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count one header."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Hand the request on, unless it has been refused."""
        self._in_head, self._head = False, 0
        if self.transport.is_closing():
            return
        if len(self.pipeline) >= PIPELINE:
            self.metrics.closed.labels("too many requests at once").inc()
            self.transport.abort()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body; one that goes on long after it was refused is cut off."""
        self._body += len(body)
        if self.cycle is None or self.transport.is_closing():
            return
        if self._body > DRAIN_FACTOR * self.limits.body_bytes:
            self.metrics.closed.labels("body too large").inc()
            self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock: the whole request is here."""
        self._disarm()
        self._in_head = True
        if self.cycle is not None and not self.transport.is_closing():
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the clock of a client that does not read."""
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(self.limits.send_seconds, self._unread)

    def resume_writing(self) -> None:
        """Stop it."""
        super().resume_writing()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is not HTTP."""
        self._refuse(400, "this is not a valid HTTP/1.1 request")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        joined = Joined(self.transport)
        cycle.transport = joined  # type: ignore[assignment]

        async def run() -> None:
            mine = asyncio.current_task()
            assert mine is not None
            self._work = mine, cycle
            try:
                await cycle.run_asgi(app)
                joined.flush()
            finally:
                if self._work is not None and self._work[0] is mine:
                    self._work = None

        task = self.loop.create_task(run())
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _count(self, size: int) -> None:
        self._fields += size
        if self._fields > self.limits.head_bytes and not self.transport.is_closing():
            self._too_much_head()

    def _too_much_head(self) -> None:
        self.metrics.closed.labels("head too large").inc()
        self._refuse(431, f"the request's head is over {self.limits.head_bytes} bytes")

    def _arm(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(self.limits.receive_seconds, self._slow)

    def _disarm(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _slow(self) -> None:
        self._receiving = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (self._in_head and answering):
            self._arm()  # we are not reading, or busy with the request before: not its fault
            return
        self.metrics.closed.labels("slow request").inc()
        if self._in_head:
            silent = self._head == 0
        else:
            silent = self.cycle.response_started
        if silent:
            self.transport.close()
        else:
            seconds = f"{self.limits.receive_seconds:g}"
            self._refuse(408, f"the request was not complete after {seconds} seconds")

    def _unread(self) -> None:
        self.metrics.closed.labels("answer not read").inc()
        self.transport.abort()

    def _refuse(self, status: int, reason: str, headers: bytes = b"") -> None:
        content = errors.body(reason, errors.identity(None))
        self.transport.write(
            STATUS_LINE[status]
            + headers
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            % len(content)
            + content
        )
        self.transport.close()


def _plain(data: bytes) -> bytes:
    """A request's head without a wish to upgrade, which the parser would take for the end of HTTP.

    Java's client asks every server for HTTP/2 in this way and is content with plain HTTP.
    """
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    if _UPGRADE.search(data, 0, end) is None:
        return data
    return _UPGRADE.sub(b"\r\nx-grade:", data[:end]) + data[end:]


def guarded(limits: ServerLimits, metrics: Metrics) -> type[GuardedProtocol]:
    """The protocol class with these bounds: what uvicorn is given."""
    return type("Protocol", (GuardedProtocol,), {"limits": limits, "metrics": metrics})
