"""One worker process: loads the models, serves the shared socket, tells that it is alive.

Knows nothing of other workers. It is started by the supervisor with its settings on standard
input; when that closes, the supervisor is gone and the worker stops as if told to.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

import uvicorn

from foveal.errors import Error
from foveal.serving.app import gated
from foveal.serving.batcher import Threads
from foveal.serving.http import guarded
from foveal.serving.logs import Log, forward
from foveal.serving.metrics import Metrics
from foveal.serving.models import Models
from foveal.serving.settings import Settings, settings_from
from foveal.serving.state import Explain, ServerState
from foveal.serving.supervisor import BACKLOG

BEAT = b"\n"
"""What a worker says while it lives: an empty line."""
_BEAT_SECONDS = 0.5


def run(explain: Explain | None = None) -> int:
    """Be a worker: read what standard input says, serve until told to stop; the exit status.

    The first line of input is JSON: `settings`, `socket` and `status` (file descriptors).
    """
    told = json.loads(sys.stdin.readline())
    settings = settings_from(told["settings"])
    status = int(told["status"])
    sys.setswitchinterval(0.0005)  # the event loop never waits 5 ms for a decoding thread
    _allow_files()
    log = Log(quiet=settings.quiet)
    forward(log)
    metrics = Metrics()
    try:
        shelf = Models(settings, metrics, log)
    except Error as error:
        os.write(status, json.dumps({"error": str(error)}).encode() + b"\n")
        return error.exit_status
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not look at it between requests
    listener = socket.socket(fileno=int(told["socket"]))
    asyncio.run(_serve(_Parts(settings, shelf, metrics, log, explain), listener, status))
    log.flush()
    return 0


class _Parts:
    """What a worker is made of, before there is an event loop."""

    def __init__(
        self, settings: Settings, shelf: Models, metrics: Metrics, log: Log, explain: Explain | None
    ) -> None:
        self.settings, self.shelf, self.metrics, self.log = settings, shelf, metrics, log
        self.explain = explain if any(item.native for item in shelf.models.values()) else None


class Server(uvicorn.Server):
    """uvicorn's server on a shared socket; says when it listens and when it begins to stop."""

    def __init__(self, config: uvicorn.Config, room: ServerState, status: int) -> None:
        super().__init__(config)
        self._room, self._status = room, status

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; then tell the supervisor."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # the socket's queue is long, but see `serve`: one at a time
        os.write(self._status, b'{"ready": true}\n')

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what has been asked, ask for no more, then stop."""
        self._room.draining = True
        await super().shutdown(sockets)


async def _serve(parts: _Parts, listener: socket.socket, status: int) -> None:
    loop = asyncio.get_running_loop()
    settings = parts.settings
    threads = Threads(settings.threads, loop)
    room = ServerState(settings, parts.shelf, threads, parts.metrics, parts.log, parts.explain)
    server = Server(config(room), room, status)
    tasks = [
        loop.create_task(parts.shelf.watch()),
        loop.create_task(_beat(parts.shelf, settings, status)),
    ]
    _listen_to_signals(loop, server, parts.shelf, tasks)
    try:
        await server._serve([listener])  # `serve` would raise the signal again and die of it
    finally:
        for task in tasks:
            task.cancel()


def config(room: ServerState) -> uvicorn.Config:
    """How uvicorn is to serve `room`."""
    limits = room.settings.limits
    return uvicorn.Config(
        gated(room),
        http=guarded(limits, room.metrics),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=int(limits.drain_seconds),
        # asyncio takes up to `backlog` connections at once: with 1 a busy worker leaves the rest
        # to one that is idle.
        backlog=1,
    )


def _listen_to_signals(
    loop: asyncio.AbstractEventLoop,
    server: Server,
    shelf: Models,
    tasks: list[asyncio.Task[Any]],
) -> None:
    def stop() -> None:
        server.should_exit = True

    def swap() -> None:
        tasks.append(loop.create_task(shelf.swap_all()))

    def orphaned() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock a daemon thread must not hold at exit
            pass
        loop.call_soon_threadsafe(stop)

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, swap)
    threading.Thread(target=orphaned, name="orphaned", daemon=True).start()


async def _beat(shelf: Models, settings: Settings, status: int) -> None:
    """Tell the supervisor that the event loop runs and no batch hangs."""
    while True:
        if shelf.busy_seconds() < settings.limits.batch_stuck_seconds:
            try:
                os.write(status, BEAT)
            except BlockingIOError:  # nobody has read for hours
                pass
            except OSError:  # the supervisor is gone: `orphaned` stops the worker
                return
        await asyncio.sleep(_BEAT_SECONDS)


def _allow_files() -> None:
    """As many open files as the system lets a process have, within reason."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
