"""Serves the application on a listening socket until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType

import uvicorn

from foveal.serving.http import limited_protocol
from foveal.serving.metrics import Metrics
from foveal.serving.settings import ServerLimits
from foveal.studio.loading import Studio

LIMITS = replace(ServerLimits(), receive_seconds=600.0, body_bytes=1 << 40)
"""Of connections; routes have limits of their own for bodies."""
_DRAIN_SECONDS = 3


class StudioServer(uvicorn.Server):
    """uvicorn's server that reports when it listens, and ends streams and work before it stops."""

    def __init__(self, studio: Studio, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            studio.app,
            http=limited_protocol(LIMITS, Metrics()),
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(LIMITS.idle_seconds),
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        super().__init__(config)
        self._studio, self._on_ready = studio, on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`: uvicorn would raise them again after it stopped."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; then report it."""
        await super().startup(sockets)
        self._on_ready()
        self._studio.start(self._stop)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams and long work, answer open requests, then stop."""
        self._studio.end_requests()
        await super().shutdown(sockets)

    def _stop(self) -> None:
        self.should_exit = True


def serve(studio: Studio, listener: socket.socket, on_ready: Callable[[], None]) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 143 or 130.  A second signal ends it at once."""
    server = StudioServer(studio, on_ready)
    stopped_by: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped_by.append(number)
        server.should_exit = True
        server.force_exit = len(stopped_by) > 1

    previous = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        asyncio.run(server.serve([listener]))
    finally:
        studio.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
        studio.log.flush()
    return 128 + (stopped_by[0] if stopped_by else signal.SIGTERM)
