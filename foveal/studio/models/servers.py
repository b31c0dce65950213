"""Servers for the studio's models: `foveal serve` as a process each, which ends with the studio,
also where that one is killed."""

from __future__ import annotations

import atexit
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foveal.errors import Error
from foveal.processor import environment_at_full_speed
from foveal.rundir import MODEL_FILE
from foveal.studio.models import server_process
from foveal.studio.models.class_names import model_labels
from foveal.studio.models.loaded import model_path
from foveal.studio.repeat import repeat

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PORT = 8080
_READY = re.compile(r"serving on (http://\S+)")


@dataclass
class _Server:
    process: subprocess.Popen[str]
    labels: tuple[str, ...]
    url: str = ""
    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)


class Servers:
    """The servers that run, one a run at most. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starting: dict[Path, threading.Lock] = {}  # each held while one starts
        self._servers: dict[Path, _Server] = {}  # those that start too
        atexit.register(self.close)

    def status(self, run: Path, named: Path | None = None) -> dict[str, Any]:
        """Whether a server runs for the model of `run`, its URL and how to ask it.

        former_names: whether it was started with other names of classes than the model in `named`
        has, which is `run` where it is None.
        """
        labels = model_labels((named or run) / MODEL_FILE)
        with self._lock:
            server = self._servers.get(run)
        is_former = server is not None and server.labels != labels
        return {**_status(server), "former_names": is_former}

    def start(self, run: Path, named: Path | None = None) -> dict[str, Any]:
        """Start one where none runs; port 8080, or a free one where that is in use.

        Raises Error with the server's own words where it does not start, or where it is stopped
        meanwhile.
        """
        model = model_path(named or run)
        with self._starting_lock(run):
            server = self._running(run, model_labels(model)) or self._start(run, model)
        return {**_status(server), "former_names": False, **_repeat(server, model)}

    def stop(self, run: Path) -> dict[str, Any]:
        """Stop it, where one runs or starts."""
        with self._lock:
            server = self._servers.pop(run, None)
        if server is not None:
            _stop(server)
        return self.status(run)

    def stop_below(self, folder: Path) -> None:
        """Stop those of a run's folder, or of all runs in it: it is removed."""
        with self._lock:
            runs = [run for run in self._servers if run.is_relative_to(folder)]
        for run in runs:
            self.stop(run)

    def close(self) -> None:
        """Stop all: the studio ends."""
        for run in list(self._servers):
            self.stop(run)

    def _starting_lock(self, run: Path) -> threading.Lock:
        with self._lock:
            return self._starting.setdefault(run, threading.Lock())

    def _running(self, run: Path, labels: tuple[str, ...]) -> _Server | None:
        """The server of a run where it runs and has these labels; another one is stopped."""
        with self._lock:
            known = self._servers.get(run)
            if known is None or (known.labels == labels and _is_running(known)):
                return known
            del self._servers[run]
        _stop(known)
        return None

    def _start(self, run: Path, model: Path) -> _Server:
        """A server that knows the labels it has, also where the file is replaced meanwhile."""
        before = None
        while True:
            labels, stamp = model_labels(model), model.stat()
            server = self._try_ports(run, before, model, labels)
            with self._lock:
                self._check_not_stopped(run, server)
                if not _is_running(server):
                    del self._servers[run]
                    raise _not_started(server)
                now = model.stat()
                if (now.st_ino, now.st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns):
                    return server
            _stop(server)  # classes were renamed: which names it has cannot be told
            before = server

    def _try_ports(
        self, run: Path, before: _Server | None, model: Path, labels: tuple[str, ...]
    ) -> _Server:
        """A server in place of the one `before`; not running where it does not start."""
        server = self._begin(run, before, model, PORT, labels)
        return server if _is_running(server) else self._begin(run, server, model, 0, labels)

    def _begin(
        self, run: Path, before: _Server | None, model: Path, port: int, labels: tuple[str, ...]
    ) -> _Server:
        with self._lock:
            self._check_not_stopped(run, before)
            self._servers[run] = server = _new_server(model, port, labels)
        server.ready.wait(START_SECONDS)
        if not server.url:
            _stop(server)
        return server

    def _check_not_stopped(self, run: Path, server: _Server | None) -> None:
        """Raise Error where `stop` has taken the server that starts; the lock is held."""
        if self._servers.get(run) is not server:
            raise Error("the server was stopped while it started")


def _is_running(server: _Server) -> bool:
    """Whether it is ready; one that got ready while it was given up on has been stopped."""
    return bool(server.url) and server.process.poll() is None


def _status(server: _Server | None) -> dict[str, Any]:
    if server is None or not _is_running(server):
        return {"running": False, "url": None, "curl": None, "client": None}
    url = server.url
    return {
        "running": True,
        "url": url,
        "curl": f"curl --data-binary @image.jpg {url}/predict",
        "client": "import urllib.request\n\n"
        'image = open("image.jpg", "rb").read()\n'
        f'request = urllib.request.Request("{url}/predict", image,\n'
        '    {"content-type": "application/octet-stream"})\n'
        "print(urllib.request.urlopen(request).read().decode())",
    }


def _repeat(server: _Server, model: Path) -> dict[str, str]:
    port = server.url.rpartition(":")[2]
    words: list[str | Path] = ["serve", model, *(["--port", port] if port != str(PORT) else [])]
    given = f", port={port}" if port != str(PORT) else ""
    return repeat(words, f"foveal.serve({str(model)!r}{given})")


def _new_server(model: Path, port: int, labels: tuple[str, ...]) -> _Server:
    """A process that is not ready yet."""
    command = [sys.executable, "-m", server_process.__name__, str(model), str(port)]
    process = subprocess.Popen(  # noqa: S603 - our own command, its words are no shell's
        command,
        stdin=subprocess.PIPE,  # never written: its end tells the server that the studio is gone
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment_at_full_speed(),
        text=True,
        errors="replace",
    )
    server = _Server(process, labels)
    threading.Thread(target=_read, args=(server,), name="server", daemon=True).start()
    return server


def _not_started(server: _Server) -> Error:
    words = " ".join(server.lines[-1:]).strip() or f"no answer within {START_SECONDS:g} s"
    return Error(f"the server did not start: {words}")


def _read(server: _Server) -> None:
    """Take what the server prints, so that it never waits for a reader; note its URL."""
    assert server.process.stderr is not None
    with server.process.stderr as lines:
        for line in lines:
            found = _READY.search(line)
            if found:
                server.url = found[1].rstrip("/")
                server.ready.set()
            else:
                server.lines = [*server.lines[-20:], line]
    server.ready.set()


def _stop(server: _Server) -> None:
    assert server.process.stdin is not None
    server.process.stdin.close()
    server.process.terminate()
    try:
        server.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
