"""HTTP/1.1 connections with limits: slow, oversized and surplus clients are disconnected.

Extends uvicorn's httptools protocol. uvicorn documents the `http` option of its Config but not
the attributes of the protocol class; those used here are public names, checked with uvicorn 0.54,
and tests/serving/test_http.py fails where a release changes one.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from foveal.serving.errors import error_json, make_request_id
from foveal.serving.metrics import Metrics
from foveal.serving.settings import ServerLimits

DRAIN_FACTOR = 4
"""A rejected body is read and dropped up to this multiple of its limit, so that the client, still
sending, receives the response and not a connection reset."""
MAX_PIPELINED_REQUESTS = 32
"""Requests a connection may send ahead of their responses."""
MIN_READ_BYTES = 1 << 16
"""Of a response, in the time after which a client counts as one that does not read."""
_UPGRADE_HEADER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with timeouts for receiving and sending and limits on sizes.

    A client that disconnects cancels its request, so that its place in the queue is free at once.
    """

    limits: ServerLimits
    metrics: Metrics

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._receive_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0
        self._in_head = True
        self._raw_head_bytes = self._header_bytes = self._body_bytes = 0
        self._running: tuple[asyncio.Task[Any], Scope] | None = None
        self._application, self.app = self.app, self._run_application

    async def _run_application(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, remembering its task."""
        task = asyncio.current_task()
        assert task is not None
        self._running = task, scope
        try:
            await self._application(scope, receive, send)
        finally:
            if self._running is not None and self._running[0] is task:
                self._running = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or reject it where there are too many."""
        super().connection_made(transport)
        self._start_receive_timer()
        if len(self.connections) > self.limits.connections:
            self.metrics.closed.labels("too many connections").inc()
            reason = "too many connections are open; try again"
            self._reject(503, reason, b"retry-after: 1\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the connection and cancel its request."""
        self._stop_receive_timer()
        if self._send_timer is not None:
            self._send_timer.cancel()
        super().connection_lost(exc)
        if self._running is not None:
            task, scope = self._running
            scope["state"]["disconnected"] = True
            task.cancel()
        self.app = self._application  # no reference cycle: memory is free at once

    def data_received(self, data: bytes) -> None:
        """Parse received data; a head over its limit is rejected."""
        self._start_receive_timer()
        if self._in_head:
            self._raw_head_bytes += len(data)
            data = _mask_upgrade(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._raw_head_bytes > self.limits.header_bytes:
            self._reject_head()

    def on_message_begin(self) -> None:
        """Start the timer and the counters of a request."""
        super().on_message_begin()
        self._start_receive_timer()
        self._in_head, self._header_bytes, self._body_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """Count the URL as part of the head."""
        super().on_url(url)
        self._count_header_bytes(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count one header."""
        super().on_header(name, value)
        self._count_header_bytes(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Start the request, unless it has been rejected."""
        self._in_head, self._raw_head_bytes = False, 0
        if self.transport.is_closing():
            return
        if len(self.pipeline) >= MAX_PIPELINED_REQUESTS:
            self.metrics.closed.labels("too many pipelined requests").inc()
            self.transport.abort()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a chunk of the body; one that goes on long after its rejection is aborted."""
        self._body_bytes += len(body)
        if self.cycle is None or self.transport.is_closing():
            return
        if self._body_bytes > DRAIN_FACTOR * self.limits.body_bytes:
            self.metrics.closed.labels("body too large").inc()
            self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the whole request is received."""
        self._stop_receive_timer()
        self._in_head = True
        if self.cycle is not None and not self.transport.is_closing():
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the timer of a client that does not read."""
        super().pause_writing()
        if self._send_timer is None:
            self._start_send_timer()

    def resume_writing(self) -> None:
        """Stop it."""
        super().resume_writing()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Reject what is not HTTP."""
        self._reject(400, "this is not a valid HTTP/1.1 request")

    def _count_header_bytes(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._reject_head()

    def _reject_head(self) -> None:
        self.metrics.closed.labels("headers too large").inc()
        limit = self.limits.header_bytes
        self._reject(431, f"the request line and headers are larger than {limit} bytes")

    def _start_receive_timer(self) -> None:
        if self._receive_timer is None:
            seconds = self.limits.receive_seconds
            self._receive_timer = self.loop.call_later(seconds, self._on_receive_timeout)

    def _stop_receive_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

    def _on_receive_timeout(self) -> None:
        self._receive_timer = None
        if self.transport.is_closing():
            return
        responding = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (self._in_head and responding):
            self._start_receive_timer()  # the server is not reading: the client is not slow
            return
        self.metrics.closed.labels("slow request").inc()
        idle = self._raw_head_bytes == 0 if self._in_head else self.cycle.response_started
        if idle:
            self.transport.close()
        else:
            seconds = f"{self.limits.receive_seconds:g}"
            self._reject(408, f"the request was not complete after {seconds} seconds")

    def _start_send_timer(self) -> None:
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._send_timer = self.loop.call_later(self.limits.send_seconds, self._on_send_timeout)

    def _on_send_timeout(self) -> None:
        if self._unsent_bytes - self.transport.get_write_buffer_size() >= MIN_READ_BYTES:
            self._start_send_timer()  # it reads, over a slow line
            return
        self.metrics.closed.labels("response not read").inc()
        self.transport.abort()

    def _reject(self, status: int, reason: str, headers: bytes = b"") -> None:
        content = error_json(reason, make_request_id(None))
        self.transport.write(
            b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())
            + headers
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            % len(content)
            + content
        )
        self.transport.close()


def _mask_upgrade(data: bytes) -> bytes:
    """A request's head without its Upgrade header, after which the parser would stop.

    Java's client offers HTTP/2 in this way to every server and accepts plain HTTP.
    """
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    if _UPGRADE_HEADER.search(data, 0, end) is None:
        return data
    return _UPGRADE_HEADER.sub(b"\r\nx-grade:", data[:end]) + data[end:]


def limited_protocol(limits: ServerLimits, metrics: Metrics) -> type[LimitedProtocol]:
    """The protocol class with these limits, for uvicorn's `http` option."""
    return type("Protocol", (LimitedProtocol,), {"limits": limits, "metrics": metrics})
