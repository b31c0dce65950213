"""Keeps worker processes alive on one shared socket: starts, watches, replaces and stops them.

Knows nothing of HTTP or models. A worker that dies is replaced at once, one that dies again and
again after growing pauses; one whose event loop stops is killed first. The listening socket lives
here, so that clients wait while a worker is replaced and are not refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foveal.errors import Error, UsageError
from foveal.serving.logs import Log
from foveal.serving.settings import Settings

BACKLOG = 1024
START_SECONDS = 120.0
"""How long a worker may take to load its models."""
_TICK = 0.2
_PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_CALM = 60.0
"""A worker that lived so long starts the pauses anew."""


@dataclass(eq=False)
class WorkerProcess:
    """One process and what it has said."""

    process: subprocess.Popen[bytes]
    status: int
    began: float
    beat: float
    ready: bool = False
    error: str | None = None
    text: bytes = b""


@dataclass(eq=False)
class Supervisor:
    """The workers of one server; `run` returns the exit status when it is told to stop.

    command: what starts a worker, which calls `foveal.serving.worker.run`.
    listening: called once with the address when the first worker answers.
    """

    settings: Settings
    command: Sequence[str]
    log: Log
    listening: Callable[[str], None]
    _workers: list[WorkerProcess] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _failures: int = 0
    _again: float = 0.0
    _signal: int | None = None
    _announced: bool = False

    def run(self) -> int:
        """Serve until SIGTERM or Ctrl-C.

        Raises Error where the port cannot be had or a model does not load at the start.
        """
        with bound(self.settings) as listener, _folder() as folder, self._signals():
            self._url = address(listener)
            try:
                while self._signal is None:
                    self._fill(listener, folder)
                    self._hear(_TICK)
                    self._look(folder)
                    self._announce()
                self.log("stopping", signal=signal.Signals(self._signal).name)
            finally:
                self._stop()
        self.log("stopped")
        self.log.flush()
        return 128 + self._signal

    def _fill(self, listener: socket.socket, folder: str) -> None:
        if time.monotonic() < self._again:
            return
        while len(self._workers) < self.settings.workers:
            worker = start(self.settings, self.command, listener, folder)
            self._workers.append(worker)
            self._selector.register(worker.status, selectors.EVENT_READ, worker)

    def _hear(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            worker: WorkerProcess = key.data
            with contextlib.suppress(BlockingIOError):
                told = os.read(worker.status, 65_536)
                if not told:
                    self._selector.unregister(worker.status)
                worker.beat = time.monotonic()
                listen(worker, told)

    def _look(self, folder: str) -> None:
        """Reap the dead, kill the stuck."""
        now = time.monotonic()
        for worker in list(self._workers):
            code = worker.process.poll()
            if code is not None:
                self._reap(worker, code, folder)
                continue
            silent = now - worker.beat
            most = self.settings.limits.stuck_seconds if worker.ready else START_SECONDS
            if silent > most:
                pid = worker.process.pid
                self.log("worker stuck", level="error", worker=pid, seconds=round(silent, 1))
                worker.process.kill()

    def _reap(self, worker: WorkerProcess, code: int, folder: str) -> None:
        self._workers.remove(worker)
        self._forget(worker)
        for file in Path(folder).glob(f"gauge_live*_{worker.process.pid}.db"):
            file.unlink(missing_ok=True)
        if not self._announced:
            raise Error(worker.error or f"a worker ended with status {code} before it could answer")
        lived = time.monotonic() - worker.began
        self._failures = 0 if lived > _CALM else self._failures + 1
        pause = _PAUSES[min(self._failures, len(_PAUSES)) - 1] if self._failures else 0.0
        self._again = time.monotonic() + pause
        self.log(
            "worker ended", level="error", worker=worker.process.pid, status=code,
            reason=worker.error, again_in_seconds=pause,
        )  # fmt: skip

    def _announce(self) -> None:
        if not self._announced and any(worker.ready for worker in self._workers):
            self._announced = True
            self.log("listening", url=self._url, workers=self.settings.workers)
            self.listening(self._url)

    def _stop(self) -> None:
        """Tell every worker to finish what it has begun; kill what takes too long."""
        until = time.monotonic() + self.settings.limits.drain_seconds + 2
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            self._forget(worker)
        self._workers.clear()
        self._selector.close()

    def _forget(self, worker: WorkerProcess) -> None:
        with contextlib.suppress(OSError):
            while told := os.read(worker.status, 65_536):
                listen(worker, told)
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.status)
        os.close(worker.status)
        if worker.process.stdin is not None:
            with contextlib.suppress(OSError):
                worker.process.stdin.close()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, _frame: object) -> None:
            if self._signal is not None:  # told twice: at once
                for worker in self._workers:
                    worker.process.kill()
            self._signal = number

        def swap(_number: int, _frame: object) -> None:
            for worker in self._workers:
                if worker.ready:
                    worker.process.send_signal(signal.SIGHUP)

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: swap}
        before = {number: signal.signal(number, each) for number, each in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(worker: WorkerProcess, told: bytes) -> None:
    """Take in what a worker says: empty lines while it lives, JSON on one now and then."""
    *lines, worker.text = (worker.text + told).split(b"\n")
    for line in filter(None, lines):
        said = json.loads(line)
        worker.ready = worker.ready or said.get("ready", False)
        worker.error = said.get("error", worker.error)


def start(
    settings: Settings, command: Sequence[str], listener: socket.socket, folder: str
) -> WorkerProcess:
    """Start a worker on the shared socket; what is secret goes through its standard input."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    os.set_blocking(theirs, False)
    environment = {
        "OMP_NUM_THREADS": str(settings.network_threads),
        **os.environ,
        "PROMETHEUS_MULTIPROC_DIR": folder,
    }
    environment.pop("FOVEAL_TOKEN", None)
    try:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            pass_fds=(listener.fileno(), theirs),
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone
        )
    finally:
        os.close(theirs)
    told = {"settings": settings.to_data(), "socket": listener.fileno(), "status": theirs}
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
    now = time.monotonic()
    return WorkerProcess(process, ours, began=now, beat=now)


def bound(settings: Settings) -> socket.socket:
    """The listening socket.  Raises Error where the address cannot be had."""
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise UsageError(f"'{host}' is no address of this machine: give --host ADDRESS") from None
    listener = socket.socket(found[0][0], socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[0][4])
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Error(_no_socket(host, port, error)) from None
    return listener


def _no_socket(host: str, port: int, error: OSError) -> str:
    import errno

    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: stop what listens there or give another --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights this user does not have: give a --port over 1023"
    return f"cannot listen on port {port} of {host}: {error.strerror}; give --host or --port"


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """A folder for the numbers that workers share."""
    folder = tempfile.mkdtemp(prefix="foveal-serve-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def worker_command(module: str) -> list[str]:
    """What starts a worker whose module is `module`; -P keeps the current folder out of imports."""
    return [sys.executable, "-P", "-m", module]
