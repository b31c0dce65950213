"""A worker process as the supervisor sees it: starts it and reads its status pipe."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from foveal.serving.settings import METRICS_FOLDER_VARIABLE, Settings

_READ_BYTES = 65_536


@dataclass(eq=False)
class WorkerProcess:
    """One process and the status it has sent; times are of time.monotonic.

    status_fd: the reading end of its status pipe, which does not block.
    """

    process: subprocess.Popen[bytes]
    status_fd: int
    started: float
    last_heartbeat: float
    ready: bool = False
    error: str | None = None
    buffer: bytes = b""

    def read_status(self) -> bool:
        """Read what is in the pipe; False where the worker has closed it."""
        try:
            data = os.read(self.status_fd, _READ_BYTES)
        except BlockingIOError:
            return True
        self.last_heartbeat = time.monotonic()
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in filter(None, lines):  # a heartbeat is an empty line
            message = json.loads(line)
            self.ready = self.ready or message.get("ready", False)
            self.error = message.get("error", self.error)
        return bool(data)

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        os.close(self.status_fd)
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


def start_worker(
    settings: Settings, command: Sequence[str], listener: socket.socket, metrics_folder: str
) -> WorkerProcess:
    """Start a worker on the shared socket; the token goes through its standard input.

    Raises OSError where the system has no memory or place for another process.
    """
    status_fd, worker_fd = os.pipe()
    os.set_blocking(status_fd, False)
    os.set_blocking(worker_fd, False)
    environment = {
        "OMP_NUM_THREADS": str(settings.inference_threads),
        **os.environ,
        METRICS_FOLDER_VARIABLE: metrics_folder,
    }
    environment.pop("FOVEAL_TOKEN", None)
    try:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            pass_fds=(listener.fileno(), worker_fd),
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the supervisor only
        )
    except OSError:
        os.close(status_fd)
        raise
    finally:
        os.close(worker_fd)
    setup = {
        "settings": settings.to_data(),
        "listener_fd": listener.fileno(),
        "status_fd": worker_fd,
    }
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(setup).encode() + b"\n")
        process.stdin.flush()
    now = time.monotonic()
    return WorkerProcess(process, status_fd, started=now, last_heartbeat=now)


def worker_command(module: str) -> list[str]:
    """The command that runs `module`; -P keeps the current folder out of the import path."""
    return [sys.executable, "-P", "-m", module]
