"""The supervisor's view of a worker: its status pipe and how it is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foveal.serving.processes.child import WorkerProcess, start_worker, worker_command
from foveal.serving.settings import Settings


@pytest.fixture
def worker():
    """A WorkerProcess without a process, and the writing end of its status pipe."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    process.wait()
    worker = WorkerProcess(process, read_fd, started=0.0, last_heartbeat=0.0)
    yield worker, write_fd
    worker.close()


def test_heartbeats_and_messages_in_any_pieces(worker) -> None:
    worker, write_fd = worker
    before = time.monotonic()
    os.write(write_fd, b'\n\n{"rea')
    assert worker.read_status()
    assert not worker.ready
    os.write(write_fd, b'dy": true}\n\n')
    assert worker.read_status()
    assert worker.ready
    assert worker.last_heartbeat >= before
    os.write(write_fd, b'{"error": "broken"}\n')
    assert worker.read_status()
    assert (worker.ready, worker.error) == (True, "broken")
    os.close(write_fd)
    assert not worker.read_status()


def test_an_empty_pipe_is_no_heartbeat(worker) -> None:
    worker, write_fd = worker
    assert worker.read_status()
    assert worker.last_heartbeat == 0.0
    os.close(write_fd)


ECHO = """
import json, os, sys
setup = json.loads(sys.stdin.readline())
secret = setup["settings"]["token"] in (*sys.argv, *os.environ.values())
data = {"ready": not secret, "error": os.environ["PROMETHEUS_MULTIPROC_DIR"]}
os.write(setup["status_fd"], json.dumps(data).encode() + b"\\n")
os.fstat(setup["listener_fd"])
sys.stdin.read()
"""


def test_a_worker_gets_its_settings_on_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_TOKEN", "a-token-0123456789")
    settings = Settings(models={"a": Path("a.onnx")}, token="a-token-0123456789")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-c", ECHO]
        worker = start_worker(settings, command, listener, str(tmp_path))
        deadline = time.monotonic() + 20
        while worker.error is None:
            assert worker.read_status()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        worker.process.stdin.close()
        assert worker.process.wait(20) == 0
        worker.close()
    assert (worker.ready, worker.error) == (True, str(tmp_path))


def test_a_worker_that_cannot_be_started_leaves_no_pipe_open(tmp_path: Path) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(FileNotFoundError):
        start_worker(Settings(models={}), [str(tmp_path / "none")], listener, str(tmp_path))
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_the_command_ignores_the_current_folder() -> None:
    assert worker_command("foveal.verbs.serve") == [
        sys.executable,
        "-P",
        "-m",
        "foveal.verbs.serve",
    ]
