"""Servers for the tests: real ones as the command starts them, and quick ones in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from foveal.model.manifest import Manifest
from foveal.serving import models as models_module
from foveal.serving.batcher import Batcher, InferencePool
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.models import Models, ServedModel
from foveal.serving.processes.worker import WorkerServer
from foveal.serving.settings import ServerLimits, Settings
from foveal.serving.state import ServerState
from foveal.spec.network import Network

LABELS = ("bee", "cat", "dog", "eel")
NETWORK = Network.model_validate(
    {
        "input": {"height": 16, "width": 16, "channels": 3},
        "layers": [
            {"conv": {"channels": 4, "kernel": 3}},
            "relu",
            {"max_pool": 2},
            "flatten",
            {"dense": 8},
            "relu",
            {"output": "softmax"},
        ],
    }
)


def png(seed: int = 0, size: tuple[int, int] = (20, 24)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def images() -> list[bytes]:
    """Forty PNG images, each different."""
    return [png(seed) for seed in range(40)]


def write_model(path: Path, seed: int = 0) -> Path:
    import torch

    from foveal.model.model import Model, save_model

    torch.manual_seed(seed)
    module = NETWORK.build(len(LABELS)).eval()
    save_model(path, Model(module, Manifest(network=NETWORK, labels=LABELS, temperature=1.5)))
    return path


@pytest.fixture(scope="session")
def model(made_once) -> Path:
    """A native model file of four classes."""
    name = "animals.safetensors"
    return made_once("served", lambda folder: write_model(folder / name)) / name


@pytest.fixture(scope="session")
def exported(model: Path, made_once) -> Path:
    """The same model as an exported file."""

    def make(folder: Path) -> None:
        from foveal.exporting.onnx import export_graph
        from foveal.exporting.seal import seal_graph
        from foveal.model.model import load_model

        native = load_model(model)
        graph = export_graph(native).SerializeToString(deterministic=True)
        (folder / "animals-fast.onnx").write_bytes(seal_graph(graph, native.manifest))

    return made_once("served-exported", make) / "animals-fast.onnx"


@pytest.fixture
def save_model():
    """`save_model(path, seed)` writes a model file with other weights."""
    return write_model


@dataclass
class ServerProcess:
    """A server that runs as a process of its own."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def events(self, name: str) -> list[dict]:
        events = (json.loads(line) for line in list(self.lines) if line.startswith("{"))
        return [event for event in events if event["event"] == name]

    def wait_for(self, name: str, count: int = 1, seconds: float = 15) -> list[dict]:
        deadline = time.monotonic() + seconds
        while len(events := self.events(name)) < count:
            assert time.monotonic() < deadline, (name, self.lines[-20:])
            time.sleep(0.02)
        return events

    def workers(self) -> list[int]:
        import psutil

        children = psutil.Process(self.process.pid).children()
        return sorted(child.pid for child in children if child.status() != "zombie")

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


@contextlib.contextmanager
def run_server(*arguments: str | Path, env: dict[str, str] | None = None):
    command = [sys.executable, "-m", "foveal", "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    started = ServerProcess(process, "")

    def read() -> None:
        for line in process.stderr:
            started.lines.append(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        started.url = started.wait_for("listening", seconds=60)[0]["url"]
        yield started
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        reader.join(5)
        process.stderr.close()


@pytest.fixture(scope="session")
def start_server():
    """`with start_server(model, '--workers', '2') as server:` runs `foveal serve`."""
    return run_server


@pytest.fixture(scope="session")
def server(model: Path, exported: Path):
    """One server with two workers and two models, the native one first, shared by many tests."""
    with run_server(model, exported, "--workers", "2") as started:
        yield started


@pytest.fixture(scope="session")
def client(server: ServerProcess):
    with httpx.Client(base_url=server.url, timeout=20) as shared:
        yield shared


class FakePredictor:
    """Predicts from the mean level of an image after `pause` seconds, once `release` is set."""

    def __init__(self, pause: float = 0.0) -> None:
        self.manifest = Manifest(network=NETWORK, labels=LABELS)
        self.labels = LABELS
        self.native = None
        self.pause = pause
        self.scale = 1.0
        self.batches: list[int] = []
        self.release = threading.Event()
        self.release.set()

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        time.sleep(self.pause)
        self.release.wait(30)
        levels = pixels.reshape(len(pixels), -1).mean(axis=1) / 255
        rows = np.stack([levels, (1 - levels) / 2, (1 - levels) / 4, (1 - levels) / 4], axis=1)
        return rows.astype(np.float32) * self.scale


@dataclass
class LocalServer:
    """A server in a thread of this process with a FakePredictor."""

    port: int
    state: ServerState
    predictor: FakePredictor
    log: io.StringIO
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, data: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        self.connections.append(connection)
        if data:
            connection.sendall(data)
        return connection


@contextlib.contextmanager
def local_server(monkeypatch, *, pause: float = 0.0, explain=None, limits=None, **options):
    predictor = FakePredictor(pause)

    def load(name, path, settings, metrics):
        batcher = Batcher(
            predictor.probabilities,
            max_rows=settings.limits.batch_size,
            wait_seconds=settings.limits.batch_wait_seconds,
            on_batch=metrics.batch_rows.labels(name).observe,
        )
        return ServedModel(name, path, predictor, batcher, "0" * 12, native=True)

    monkeypatch.setattr(models_module, "load_served_model", load)
    options.setdefault("models", {"animals": Path("/nowhere/animals.safetensors")})
    settings = Settings(port=0, limits=replace(ServerLimits(), **(limits or {})), **options)
    text, metrics = io.StringIO(), Metrics()
    log = Log(stream=text)
    listener = socket.create_server(("127.0.0.1", 0))
    models, pool = Models(settings, metrics, log), InferencePool(settings.decode_threads)
    state = ServerState(settings, models, pool, metrics, log, explain)
    read_fd, status_fd = os.pipe()
    server = WorkerServer(state, status_fd)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    assert os.read(read_fd, 100) == b'{"ready": true}\n'
    local = LocalServer(listener.getsockname()[1], state, predictor, text)
    try:
        yield local
    finally:
        for connection in local.connections:
            connection.close()
        predictor.release.set()
        server.should_exit = server.force_exit = True
        thread.join(10)
        log.flush()
        os.close(read_fd)
        os.close(status_fd)


@pytest.fixture(scope="session")
def serve_locally():
    """The function behind `local`, for fixtures of a wider scope."""
    return local_server


@pytest.fixture
def local(monkeypatch):
    """`with local(limits={...}) as server:` serves a FakePredictor from a thread."""

    def serve(**options):
        return local_server(monkeypatch, **options)

    return serve


@pytest.fixture
def request_bytes():
    """`request_bytes(body)` is a whole POST /predict."""

    def build(body: bytes = b"", path: str = "/predict", *headers: str) -> bytes:
        head = [f"POST {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
        return "\r\n".join([*head, *headers, "", ""]).encode() + body

    return build


@pytest.fixture
def read_all():
    """Everything a socket receives until it is closed."""

    def read(connection: socket.socket) -> bytes:
        pieces = []
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                pieces.append(piece)
        return b"".join(pieces)

    return read


@pytest.fixture
def wait_until():
    """`wait_until(condition)` polls until it is true, and fails after `seconds`."""

    def wait(condition, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    return wait
