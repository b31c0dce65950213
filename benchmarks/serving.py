"""Latency and throughput of `foveal serve` beside a plain FastAPI + torch app and LitServe.

    python benchmarks/serving.py [--seconds 10] [--only foveal,plain] [--preset swift-s] [--size 64]

The same network, weights and JPEG pictures for all, one machine, one run. The peers run in an
environment this script makes (.venv-serving: LitServe from PyPI, torch from this environment).
Each server is asked by 1 and by 32 clients that wait for one answer before the next question; the
clients are one asyncio process that only writes and reads bytes. Servers take turns, so that a
machine that gets slower is slow for all; the figure is the median over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-serving"
RESULT = ROOT / "benchmarks" / "results" / "serving.json"
CLIENTS = (1, 32)

PLAIN = """
import io, sys
import numpy as np, torch
from fastapi import FastAPI, File, UploadFile
from PIL import Image
import foveal

model = foveal.load(sys.argv[1])
module, labels, size = model.module.eval(), model.labels, model.manifest.network.input
app = FastAPI()

@app.post("/predict")
async def predict(file: UploadFile = File(...)):
    image = Image.open(io.BytesIO(await file.read())).convert("RGB")
    pixels = np.array(image.resize((size.width, size.height)))
    with torch.no_grad():
        logits = module(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())
    chances = logits.softmax(1)[0]
    best = int(chances.argmax())
    return {"label": labels[best], "probability": float(chances[best])}

if __name__ == "__main__":
    import uvicorn
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""

LITSERVE = """
import io, sys
import numpy as np, torch
import litserve
from PIL import Image
import foveal

class Api(litserve.LitAPI):
    def setup(self, device):
        model = foveal.load(sys.argv[1])
        self.module, self.labels = model.module.eval(), model.labels
        self.size = model.manifest.network.input

    def decode_request(self, request):
        image = Image.open(io.BytesIO(request["file"].file.read())).convert("RGB")
        pixels = np.array(image.resize((self.size.width, self.size.height)))
        return torch.from_numpy(pixels).permute(2, 0, 1).float()

    def batch(self, inputs):
        return torch.stack(inputs)

    def predict(self, batch):
        with torch.no_grad():
            return self.module(batch).softmax(1)

    def unbatch(self, output):
        return list(output)

    def encode_response(self, chances):
        best = int(chances.argmax())
        return {"label": self.labels[best], "probability": float(chances[best])}

if __name__ == "__main__":
    api = Api(max_batch_size=16, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
"""


@dataclass(frozen=True)
class Figure:
    """What some clients got of a server in one round."""

    server: str
    clients: int
    requests: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    options = _options()
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory(prefix="foveal-bench-") as name:
        folder = Path(name)
        native, exported = _models(folder, options.preset, options.size)
        pictures = _pictures()
        if {"plain", "litserve"} & set(wanted):
            _environment()
        commands = _commands(folder, native, exported)
        figures = [
            figure
            for _ in range(options.rounds)
            for server in wanted
            for figure in _measured(server, commands[server], pictures, options.seconds)
        ]
    _report(figures, wanted, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="per server, clients, round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="foveal,foveal-native,plain,litserve")
    parser.add_argument("--preset", default="swift-s")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--dry", action="store_true", help="print, and keep the old result file")
    return parser.parse_args()


def _models(folder: Path, preset: str, size: int) -> tuple[Path, Path]:
    """The network with fresh weights (speed does not depend on them), native and exported."""
    import torch

    from foveal.exporting.graph import onnx_graph
    from foveal.exporting.package import packaged
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save
    from foveal.network.presets import preset as named
    from foveal.spec.preprocess import Input

    torch.manual_seed(0)
    network = named(preset, Input(height=size, width=size, channels=3))
    labels = tuple(f"class {index}" for index in range(10))
    module = network.build(len(labels)).eval()
    model = Model(module, Manifest(network=network, labels=labels))
    native, exported = folder / "network.safetensors", folder / "network.onnx"
    save(native, model)
    graph = onnx_graph(model).SerializeToString(deterministic=True)
    exported.write_bytes(packaged(graph, model.manifest))
    return native, exported


def _pictures(count: int = 64) -> list[bytes]:
    """JPEG pictures of 500x375 with the spectrum of photographs."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        small = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC)
        noisy = np.asarray(image) + random.normal(0, 8, (375, 500, 3))
        out = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
        found.append(out.getvalue())
    return found


def _environment() -> None:
    """An environment for the peers that sees this one's packages and adds LitServe."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        ours = [path for path in sys.path if path.endswith("site-packages")]
        (theirs,) = ENVIRONMENT.glob("lib/python3*/site-packages")
        (theirs / "with-foveal.pth").write_text("\n".join([*ours, str(ROOT)]) + "\n")
        subprocess.run([str(python), "-m", "pip", "install", "-q", "litserve"], check=True)


def _commands(folder: Path, native: Path, exported: Path) -> dict[str, list[str]]:
    (folder / "plain.py").write_text(PLAIN)
    (folder / "lit.py").write_text(LITSERVE)
    peer = str(ENVIRONMENT / "bin" / "python")
    ours = [sys.executable, "-m", "foveal", "--quiet", "serve"]
    return {
        "foveal": [*ours, str(exported), "--port"],
        "foveal-native": [*ours, str(native), "--port"],
        "plain": [peer, str(folder / "plain.py"), str(native)],
        "litserve": [peer, str(folder / "lit.py"), str(native)],
    }


def _measured(
    server: str, command: list[str], pictures: list[bytes], seconds: float
) -> Iterator[Figure]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    build = _raw if server.startswith("foveal") else _multipart
    requests = [build(picture) for picture in pictures]
    with _running([*command, str(port)], port):
        asyncio.run(_clients(port, requests, 4, min(2.0, seconds)))  # warm
        for clients in CLIENTS:
            began = time.perf_counter()
            took, failed = asyncio.run(_clients(port, requests, clients, seconds))
            yield _figure(server, clients, took, failed, time.perf_counter() - began)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(port, process)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as found:
                found.sendall(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n")
                if found.recv(10):
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start")


def _raw(picture: bytes) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(picture)}\r\n"
    return head.encode() + b"content-type: image/jpeg\r\n\r\n" + picture


def _multipart(picture: bytes) -> bytes:
    body = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"content-type: image/jpeg\r\n\r\n" + picture + b"\r\n--b--\r\n"
    )
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"content-type: multipart/form-data; boundary=b\r\n\r\n" + body


async def _clients(
    port: int, requests: list[bytes], count: int, seconds: float
) -> tuple[list[float], int]:
    took: list[float] = []
    failed = 0
    until = time.perf_counter() + seconds

    async def client(first: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = first
        while (began := time.perf_counter()) < until:
            writer.write(requests[turn % len(requests)])
            turn += 1
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if head[9:12] == b"200":
                took.append(time.perf_counter() - began)
            else:
                failed += 1
        writer.close()

    await asyncio.gather(*(client(index) for index in range(count)))
    return took, failed


def _figure(server: str, clients: int, took: list[float], failed: int, seconds: float) -> Figure:
    p50, p99 = np.percentile(took, [50, 99]) * 1000 if took else (float("nan"),) * 2
    figure = Figure(
        server, clients, len(took), failed,
        round(len(took) / seconds, 1), round(float(p50), 2), round(float(p99), 2),
    )  # fmt: skip
    print(json.dumps(asdict(figure)), file=sys.stderr, flush=True)
    return figure


def _report(figures: list[Figure], wanted: list[str], options: argparse.Namespace) -> None:
    rows = []
    for server in wanted:
        for clients in CLIENTS:
            own = [each for each in figures if (each.server, each.clients) == (server, clients)]
            row = {"server": server, "clients": clients, "failed": sum(e.failed for e in own)}
            for field in ("per_second", "p50_ms", "p99_ms"):
                values = [getattr(each, field) for each in own]
                row[field] = statistics.median(values)
                row[f"{field}_range"] = [min(values), max(values)]
            rows.append(row)
            print(
                f"{server:14} {clients:3} clients  {row['per_second']:8.1f} /s"
                f"  p50 {row['p50_ms']:8.2f} ms  p99 {row['p99_ms']:8.2f} ms"
            )
    result = {
        "network": options.preset, "input": options.size, "seconds": options.seconds,
        "rounds": options.rounds, "machine": _machine(), "figures": rows,
    }  # fmt: skip
    if not options.dry:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


def _machine() -> dict[str, object]:
    import onnxruntime
    import torch

    return {
        "processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0],
        "python": platform.python_version(), "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }  # fmt: skip


if __name__ == "__main__":
    main()
