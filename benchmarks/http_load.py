"""What the benchmarks of the server share: models, images, a running server, and wrk as client."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "benchmarks" / "peers"
START_SECONDS = 120


def check_wrk() -> None:
    """Exit with the reason where the client is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk, the HTTP client, is not installed: apt-get install wrk")


def save_models(folder: Path, preset: str, size_px: int) -> tuple[Path, Path]:
    """The network with fresh weights (speed does not depend on them), native and exported."""
    import torch

    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save_model
    from foveal.network.presets import load_preset
    from foveal.spec.preprocess import Input

    torch.manual_seed(0)
    network = load_preset(preset, Input(height=size_px, width=size_px, channels=3))
    labels = tuple(f"class {index}" for index in range(10))
    module = network.build(len(labels)).eval()
    model = Model(module, Manifest(network=network, labels=labels))
    native, exported = folder / "network.safetensors", folder / "network.onnx"
    save_model(native, model)
    graph = export_graph(model).SerializeToString(deterministic=True)
    exported.write_bytes(seal_graph(graph, model.manifest))
    return native, exported


def jpeg_images(count: int = 64, height: int = 375, width: int = 500) -> list[bytes]:
    """JPEG images with the spectrum of photographs."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        small = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        noisy = np.asarray(image) + rng.normal(0, 8, (height, width, 3))
        out = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
        images.append(out.getvalue())
    return images


def raw_request(image: bytes) -> bytes:
    """POST /predict with the bytes of an image."""
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(image)}\r\n"
    return head.encode() + b"content-type: image/jpeg\r\n\r\n" + image


def multipart_request(image: bytes) -> bytes:
    """POST /predict with an image as multipart/form-data."""
    body = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"content-type: image/jpeg\r\n\r\n" + image + b"\r\n--b--\r\n"
    )
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"content-type: multipart/form-data; boundary=b\r\n\r\n" + body


def run_wrk(requests: list[Path], port: int, clients: int, seconds: int) -> dict[str, Any]:
    """Counts and latencies (us) of `clients` that send `requests` in turn for `seconds`, by wrk."""
    script = str(PROGRAMS / "wrk.lua")
    options = ["-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", script]
    url = f"http://127.0.0.1:{port}/predict"
    command = ["wrk", *options, url, *map(str, requests)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


@contextmanager
def running_server(command: list[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a server for the block; PORT in its command is replaced by a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(port) if word == "PORT" else word for word in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_ready(port, process)
        yield port, process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):  # LitServe leaves processes that go on computing
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.5)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n")
                if connection.recv(10):
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start")
