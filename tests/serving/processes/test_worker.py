"""A worker reads its settings, reports that it is ready, or why it is not."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.errors import ModelFileError
from foveal.serving.batcher import InferencePool
from foveal.serving.logs import Log
from foveal.serving.processes import worker
from foveal.serving.processes.worker import HEARTBEAT, create_state, uvicorn_config
from foveal.serving.settings import ServerLimits, Settings


def explain(*_arguments: object) -> str:
    return "<!doctype html>"


def test_only_native_models_can_be_explained(model: Path, exported: Path) -> None:
    for models, can_explain in (
        ({"a": exported}, False),
        ({"a": exported, "b": model}, True),
    ):
        state = create_state(Settings(models=models), Log(stream=io.StringIO()), explain)
        assert (state.explain is explain) == can_explain
        assert list(state.models.by_name) == list(models)
        assert isinstance(state.pool, InferencePool)


def test_a_model_that_does_not_load_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelFileError):
        create_state(Settings(models={"a": path}), Log(stream=io.StringIO()), None)


def test_limits_reach_uvicorn(exported: Path) -> None:
    limits = ServerLimits(idle_seconds=7, drain_seconds=9, header_bytes=100)
    state = create_state(
        Settings(models={"a": exported}, limits=limits), Log(stream=io.StringIO()), None
    )
    config = uvicorn_config(state)
    assert (config.timeout_keep_alive, config.timeout_graceful_shutdown) == (7, 9)
    assert config.http.limits is limits


class FakeModels:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def running_seconds(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("running_seconds", "beats"), [(0.0, True), (61.0, False)])
def test_a_batch_that_hangs_stops_the_heartbeats(
    exported: Path, running_seconds: float, beats: bool
) -> None:
    state = create_state(Settings(models={"a": exported}), Log(stream=io.StringIO()), None)
    state.models = FakeModels(running_seconds)
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)

    async def main() -> None:
        task = asyncio.create_task(worker._send_heartbeats(state, write_fd))
        await asyncio.sleep(0.1)
        task.cancel()

    try:
        asyncio.run(main())
        if beats:
            assert os.read(read_fd, 10) == HEARTBEAT
        else:
            with pytest.raises(BlockingIOError):
                os.read(read_fd, 10)
    finally:
        os.close(read_fd)
        os.close(write_fd)


def test_a_worker_reports_why_it_cannot_start(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"not a model")
    read_fd, write_fd = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        setup = {
            "settings": Settings(models={"a": path}).to_data(),
            "listener_fd": listener.fileno(),
            "status_fd": write_fd,
        }
        done = subprocess.run(
            [sys.executable, "-P", "-m", "foveal.verbs.serve"],
            input=json.dumps(setup) + "\n",
            text=True,
            capture_output=True,
            pass_fds=(listener.fileno(), write_fd),
            timeout=60,
        )
    os.close(write_fd)
    message = os.read(read_fd, 65_536)
    os.close(read_fd)
    assert done.returncode == 1
    assert str(path) in json.loads(message)["error"]


def test_an_exported_file_is_served_without_torch(exported: Path) -> None:
    code = (
        "import io, sys, foveal.verbs.serve, foveal.serving.processes.supervisor\n"
        "from pathlib import Path\n"
        "from foveal.serving.logs import Log\n"
        "from foveal.serving.processes.worker import create_state\n"
        "from foveal.serving.settings import Settings\n"
        "create_state(Settings(models={'a': Path(sys.argv[1])}), Log(), None)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(exported)], check=True, timeout=60)
