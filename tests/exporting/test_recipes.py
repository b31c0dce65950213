"""The recipes of docs/export.md, run as they stand, give the Predictor's answer."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foveal.exporting.onnx import export_graph
from foveal.exporting.seal import seal_graph
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.predictor import Predictor
from foveal.spec.layers import Conv, GlobalAvgPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

ROOT = Path(__file__).resolve().parents[2]
ORIENTATION = 0x0112
RUNTIME = ROOT / "web" / "node_modules" / "onnxruntime-web" / "dist"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model-any-size.onnx and image.png, as the recipes name them."""
    folder = tmp_path_factory.mktemp("recipes")
    network = Network(
        input=Input(height=32, width=48, channels=3),
        layers=(Conv(8), Relu(), Conv(8, stride=2), Relu(), GlobalAvgPool(), Output()),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model(network.build(3).eval(), Manifest(network=network, labels=("a", "b", "개")))
    graph = export_graph(model, any_size=True)
    content = seal_graph(graph.SerializeToString(), model.manifest)
    (folder / "model-any-size.onnx").write_bytes(content)
    small = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    Image.fromarray(small).resize((150, 90)).save(folder / "image.png", exif=turned)
    return folder


def block(language: str) -> str:
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    found = re.search(rf"```{language}[^\n]*\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def check(said: str, folder: Path) -> None:
    label, probability = said.split()
    truth = next(Predictor(folder / "model-any-size.onnx").predict(folder / "image.png"))
    assert label == truth.label
    assert float(probability) == pytest.approx(truth.probability, abs=1e-3)


def test_onnxruntime_in_python(folder: Path) -> None:
    command = [sys.executable, "-c", block("python")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check(done.stdout, folder)


class Files(SimpleHTTPRequestHandler):
    """The folder's files, and the runtime's under /ort/."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def translate_path(self, path: str) -> str:
        if path.startswith("/ort/"):
            return str(RUNTIME / Path(path).name)
        return super().translate_path(path)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    imports = '{"imports": {"onnxruntime-web/wasm": "/ort/ort.wasm.bundle.min.mjs"}}'
    page = f'<body><script type="importmap">{imports}</script>'
    page += f'<script type="module">{block("js")}</script></body>'
    page = page.replace("<body>", '<meta charset="utf-8"><head>').replace(
        "</body>", "</head><body>"
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
def test_onnxruntime_web_in_a_browser(folder: Path, url: str) -> None:
    if not RUNTIME.is_dir():
        pytest.skip("not run: needs web/node_modules (npm ci in web)")
    command = ["node", str(Path(__file__).with_name("recipe.mjs")), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    check(done.stdout, folder)
