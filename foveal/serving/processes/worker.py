"""One worker process: loads the models, serves the shared socket, sends heartbeats.

The supervisor starts it with its settings on standard input; when that closes, the supervisor is
gone and the worker stops as after SIGTERM.
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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from foveal.errors import Error
from foveal.serving.app import create_app
from foveal.serving.batcher import InferencePool
from foveal.serving.http import limited_protocol
from foveal.serving.logs import Log, redirect_logging
from foveal.serving.metrics import Metrics
from foveal.serving.models import Models
from foveal.serving.processes.listener import BACKLOG
from foveal.serving.settings import Settings
from foveal.serving.state import ExplainFunction, ServerState

HEARTBEAT = b"\n"
_HEARTBEAT_SECONDS = 0.5
_SWITCH_SECONDS = 0.0005
"""The event loop never waits 5 ms, Python's default, for a decoding thread."""
_MAX_OPEN_FILES = 8192


def run_server_worker(explain: ExplainFunction | None = None) -> int:
    """Read the settings from standard input, serve until stopped; returns the exit status.

    The first line of input is JSON: `settings`, `listener_fd` and `status_fd`.
    """
    setup = json.loads(sys.stdin.readline())
    settings = Settings.from_data(setup["settings"])
    status_fd = int(setup["status_fd"])
    sys.setswitchinterval(_SWITCH_SECONDS)
    _raise_open_file_limit()
    log = Log(quiet=settings.quiet)
    redirect_logging(log)
    try:
        state = create_state(settings, log, explain)
    except Error as error:
        os.write(status_fd, json.dumps({"error": str(error)}).encode() + b"\n")
        return error.exit_status
    gc.collect()
    gc.freeze()  # the models stay: the collector need not scan them between requests
    listener = socket.socket(fileno=int(setup["listener_fd"]))
    asyncio.run(_serve(state, listener, status_fd))
    log.flush()
    return 0


def create_state(settings: Settings, log: Log, explain: ExplainFunction | None) -> ServerState:
    """Load the models; `explain` is offered where one of them is native."""
    metrics = Metrics()
    models = Models(settings, metrics, log)
    can_explain = any(served.native for served in models.by_name.values())
    pool = InferencePool(settings.decode_threads)
    return ServerState(settings, models, pool, metrics, log, explain if can_explain else None)


class WorkerServer(uvicorn.Server):
    """uvicorn's server on a shared socket; reports when it listens."""

    def __init__(self, state: ServerState, status_fd: int) -> None:
        super().__init__(uvicorn_config(state))
        self._state, self._status_fd = state, status_fd

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_handle_signals`: uvicorn would raise them again after it stopped."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; then report it to the supervisor."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # uvicorn has set the backlog of `uvicorn_config`
        os.write(self._status_fd, b'{"ready": true}\n')

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer open requests, then stop."""
        self._state.draining = True
        await super().shutdown(sockets)


def uvicorn_config(state: ServerState) -> uvicorn.Config:
    """The configuration that serves `state`."""
    limits = state.settings.limits
    return uvicorn.Config(
        create_app(state),
        http=limited_protocol(limits, state.metrics),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=int(limits.drain_seconds),
        # asyncio accepts up to `backlog` connections at once: with 1 a busy worker leaves the rest
        # to an idle one.
        backlog=1,
    )


async def _serve(state: ServerState, listener: socket.socket, status_fd: int) -> None:
    loop = asyncio.get_running_loop()
    server = WorkerServer(state, status_fd)
    tasks = [
        loop.create_task(state.models.watch()),
        loop.create_task(_send_heartbeats(state, status_fd)),
    ]
    _handle_signals(loop, server, state.models, tasks)
    try:
        await server.serve([listener])
    finally:
        for task in tasks:
            task.cancel()


def _handle_signals(
    loop: asyncio.AbstractEventLoop,
    server: WorkerServer,
    models: Models,
    tasks: list[asyncio.Task[Any]],
) -> None:
    def stop() -> None:
        server.should_exit = True

    def reload() -> None:
        task = loop.create_task(models.reload_all())
        tasks.append(task)
        task.add_done_callback(tasks.remove)

    def stop_with_supervisor() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock a daemon thread must not hold at exit
            pass
        loop.call_soon_threadsafe(stop)

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    threading.Thread(target=stop_with_supervisor, name="supervisor-watch", daemon=True).start()


async def _send_heartbeats(state: ServerState, status_fd: int) -> None:
    """Report to the supervisor that the event loop runs and no batch hangs."""
    timeout = state.settings.limits.batch_timeout_seconds
    while True:
        if state.models.running_seconds() < timeout:
            try:
                os.write(status_fd, HEARTBEAT)
            except BlockingIOError:  # the pipe is full: the supervisor has not read for hours
                pass
            except OSError:  # the supervisor is gone: `stop_with_supervisor` stops the worker
                return
        await asyncio.sleep(_HEARTBEAT_SECONDS)


def _raise_open_file_limit() -> None:
    """Raise the soft limit of open files to the hard one, at most 8192."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(_MAX_OPEN_FILES, hard)
    if soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
