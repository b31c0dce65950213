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
    labels: tuple[str, ...] = ()
    url: str = ""
    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)


class Servers:
    """The servers that run, one a run at most. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[Path, _Server] = {}
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
            return {**self._status(run), "former_names": is_former}

    def start(self, run: Path, named: Path | None = None) -> dict[str, Any]:
        """Start one where none runs; port 8080, or a free one where that is in use.

        Raises Error with the server's own words where it does not start.
        """
        model = model_path(named or run)
        with self._lock:
            known = self._servers.get(run)
            if known is not None and known.labels != model_labels(model):  # it says former names
                _stop(self._servers.pop(run))
            if not self._status(run)["running"]:
                self._servers[run] = _start_named(model)
            return {**self._status(run), "former_names": False, **self._repeat(run, model)}

    def stop(self, run: Path) -> dict[str, Any]:
        """Stop it, where one runs."""
        with self._lock:
            server = self._servers.pop(run, None)
        if server is not None:
            _stop(server)
        return self.status(run)

    def stop_below(self, folder: Path) -> None:
        """Stop those of a run's folder, or of all runs in it: it is removed."""
        with self._lock:  # one may be starting
            runs = [run for run in self._servers if run.is_relative_to(folder)]
        for run in runs:
            self.stop(run)

    def close(self) -> None:
        """Stop all: the studio ends."""
        for run in list(self._servers):
            self.stop(run)

    def _status(self, run: Path) -> dict[str, Any]:
        server = self._servers.get(run)
        if server is None or server.process.poll() is not None:
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

    def _repeat(self, run: Path, model: Path) -> dict[str, str]:
        port = self._servers[run].url.rpartition(":")[2]
        words: list[str | Path] = ["serve", model, *(["--port", port] if port != str(PORT) else [])]
        given = f", port={port}" if port != str(PORT) else ""
        return repeat(words, f"foveal.serve({str(model)!r}{given})")


def _start_named(model: Path) -> _Server:
    """A server that knows the labels it has, also where the file is replaced while it starts."""
    while True:
        labels, stamp = model_labels(model), model.stat()
        try:
            server = _start(model, PORT)
        except Error:
            server = _start(model, 0)
        now = model.stat()
        if (now.st_ino, now.st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns):
            server.labels = labels
            return server
        _stop(server)  # classes were renamed: which names it has cannot be told


def _start(model: Path, port: int) -> _Server:
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
    server = _Server(process)
    threading.Thread(target=_read, args=(server,), name="server", daemon=True).start()
    server.ready.wait(START_SECONDS)
    if server.url:
        return server
    _stop(server)
    words = " ".join(server.lines[-1:]).strip() or f"no answer within {START_SECONDS:g} s"
    raise Error(f"the server did not start: {words}")


def _read(server: _Server) -> None:
    """Take what the server prints, so that it never waits for a reader; note its URL."""
    assert server.process.stderr is not None
    with server.process.stderr as lines:
        for line in lines:
            found = _READY.search(line)
            if found:
                server.url = found[1].rstrip("/")
                server.ready.set()
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
