"""Keeps worker processes alive on one shared socket: starts, watches, replaces and stops them.

A worker that exits is replaced at once, one that keeps exiting or cannot be started after growing
delays; one whose event loop hangs is killed first. The supervisor owns the listening socket, so
that clients wait while a worker is replaced and are not refused.
"""

from __future__ import annotations

import contextlib
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foveal.errors import Error
from foveal.serving.logs import Log
from foveal.serving.processes.child import WorkerProcess, start_worker
from foveal.serving.processes.listener import listener_url, open_listener
from foveal.serving.settings import Settings

START_TIMEOUT_SECONDS = 120.0
"""How long a worker may take to load its models."""
_POLL_SECONDS = 0.2
_RESTART_DELAYS_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_STABLE_SECONDS = 60.0
"""A worker that ran this long resets the restart delays."""
_KILL_GRACE_SECONDS = 2.0
_STOPPED_SECONDS = 2.0
"""A supervisor that checks its workers this late was stopped itself: heartbeats lie unread."""


@dataclass(eq=False)
class Supervisor:
    """The workers of one server; `run` returns the exit status after a signal to stop.

    command: starts a worker, which calls `foveal.serving.processes.worker.run_server_worker`.
    on_ready: called once with the URL when the first worker is ready.
    """

    settings: Settings
    command: Sequence[str]
    log: Log
    on_ready: Callable[[str], None]
    _workers: list[WorkerProcess] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _failures: int = 0
    _next_start: float = 0.0
    _signal: int | None = None
    _ready: bool = False
    _checked_at: float = field(default_factory=time.monotonic)

    def run(self) -> int:
        """Serve until SIGTERM or Ctrl-C; the exit status is 128 + the signal's number.

        Raises Error where the port cannot be used or a model does not load at the start.
        """
        listener = open_listener(self.settings.host, self.settings.port)
        with listener, _metrics_folder() as metrics_folder, self._signal_handlers():
            try:
                while self._signal is None:
                    self._start_missing(listener, metrics_folder)
                    self._read_status(_POLL_SECONDS)
                    self._check_workers(metrics_folder)
                    self._report_ready(listener)
                self.log("stopping", signal=signal.Signals(self._signal).name)
            finally:
                self._stop()
        self.log("stopped")
        self.log.flush()
        return 128 + self._signal

    def _start_missing(self, listener: socket.socket, metrics_folder: str) -> None:
        if time.monotonic() < self._next_start:
            return
        while len(self._workers) < self.settings.workers:
            try:
                worker = start_worker(self.settings, self.command, listener, metrics_folder)
            except OSError as error:
                if not self._ready:
                    raise
                delay = self._delay_restart(self._failures + 1)
                self.log(
                    "worker not started",
                    level="error",
                    reason=str(error),
                    restart_in_seconds=delay,
                )
                return
            self._workers.append(worker)
            self._selector.register(worker.status_fd, selectors.EVENT_READ, worker)

    def _read_status(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            worker: WorkerProcess = key.data
            was_ready = worker.ready
            if not worker.read_status():
                self._selector.unregister(worker.status_fd)
            if worker.ready and not was_ready:
                self.log("worker ready", worker=worker.process.pid)

    def _check_workers(self, metrics_folder: str) -> None:
        """Replace workers that have exited, kill those that hang."""
        now = time.monotonic()
        if now - self._checked_at > _STOPPED_SECONDS:
            for worker in self._workers:
                worker.last_heartbeat = now
        self._checked_at = now
        heartbeat_timeout = self.settings.limits.heartbeat_timeout_seconds
        for worker in list(self._workers):
            status = worker.process.poll()
            if status is not None:
                self._on_exit(worker, status, metrics_folder)
                continue
            silent_seconds = now - worker.last_heartbeat
            if silent_seconds > (heartbeat_timeout if worker.ready else START_TIMEOUT_SECONDS):
                self.log(
                    "worker unresponsive",
                    level="error",
                    worker=worker.process.pid,
                    seconds=round(silent_seconds, 1),
                )
                worker.process.kill()

    def _on_exit(self, worker: WorkerProcess, status: int, metrics_folder: str) -> None:
        self._workers.remove(worker)
        self._close(worker)
        for file in Path(metrics_folder).glob(f"gauge_live*_{worker.process.pid}.db"):
            file.unlink(missing_ok=True)
        if not self._ready:
            raise Error(worker.error or f"a worker exited with status {status} while starting")
        seconds = time.monotonic() - worker.started
        delay = self._delay_restart(0 if seconds > _STABLE_SECONDS else self._failures + 1)
        self.log(
            "worker exited",
            level="error",
            worker=worker.process.pid,
            status=status,
            reason=worker.error,
            restart_in_seconds=delay,
        )

    def _delay_restart(self, failures: int) -> float:
        """Seconds until the next worker is started, after so many failures in a row."""
        self._failures = failures
        last = len(_RESTART_DELAYS_SECONDS) - 1
        delay = _RESTART_DELAYS_SECONDS[min(max(0, failures - 1), last)]
        self._next_start = time.monotonic() + delay
        return delay

    def _report_ready(self, listener: socket.socket) -> None:
        if not self._ready and any(worker.ready for worker in self._workers):
            self._ready = True
            url = listener_url(listener)
            self.log("listening", url=url, workers=self.settings.workers)
            self.on_ready(url)

    def _stop(self) -> None:
        """Let every worker finish its open requests; kill those that take too long."""
        deadline = time.monotonic() + self.settings.limits.drain_seconds + _KILL_GRACE_SECONDS
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            self._close(worker)
        self._workers.clear()
        self._selector.close()

    def _close(self, worker: WorkerProcess) -> None:
        worker.read_status()  # the reason for its exit may still be in the pipe
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.status_fd)
        worker.close()

    @contextlib.contextmanager
    def _signal_handlers(self) -> Iterator[None]:
        def stop(number: int, _frame: object) -> None:
            if self._signal is not None:  # a second signal: at once
                for worker in self._workers:
                    worker.process.kill()
            self._signal = number

        def reload(_number: int, _frame: object) -> None:
            for worker in self._workers:
                if worker.ready:
                    worker.process.send_signal(signal.SIGHUP)

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        previous = {number: signal.signal(number, each) for number, each in handlers.items()}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _metrics_folder() -> Iterator[str]:
    """A temporary folder for the metrics that workers share."""
    folder = tempfile.mkdtemp(prefix="foveal-serve-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
