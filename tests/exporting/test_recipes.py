"""The recipes of docs/export.md, run as they stand, give the Predictor's answer."""

from __future__ import annotations

import json
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
from foveal.exporting.pytorch.folder import preprocess_source
from foveal.exporting.seal import seal_graph
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.predictor import Predictor
from foveal.spec.layers import Conv, GlobalAvgPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

ROOT = Path(__file__).resolve().parents[2]
ORIENTATION = 0x0112
ALL_IMAGES = """
import sys
from pathlib import Path

print(json.dumps([[p.name, *classify(str(p))] for p in sorted(Path("images").iterdir())]))
assert not {"torch", "foveal"} & set(sys.modules)
"""
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


@pytest.fixture(scope="module")
def service(folder: Path) -> Path:
    """A folder of model.onnx, preprocess.py and image.png, and odd images under images/."""
    model = Predictor(folder / "model-any-size.onnx").manifest
    with torch.random.fork_rng():
        torch.manual_seed(0)
        native = Model(model.network.build(3).eval(), model)
    service = folder / "service"
    (service / "images").mkdir(parents=True)
    content = seal_graph(export_graph(native).SerializeToString(), model)
    (service / "model.onnx").write_bytes(content)
    (service / "preprocess.py").write_text(preprocess_source(model), encoding="utf-8")
    photo = Image.open(folder / "image.png").convert("RGB")
    photo.save(service / "image.png")
    turned = Image.Exif()
    turned[ORIENTATION] = 7
    photo.resize((640, 480)).save(service / "images" / "turned 큰.jpg", exif=turned)
    transparent = photo.convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(photo.size))
    transparent.save(service / "images" / "transparent.png")
    photo.convert("L").save(service / "images" / "grey.jpg")
    photo.convert("CMYK").save(service / "images" / "cmyk.jpg")
    photo.convert("P").save(service / "images" / "palette.png")
    deep = np.asarray(photo.convert("L"), np.uint16) * 257
    Image.fromarray(deep).save(service / "images" / "deep.png")
    (service / "broken.png").write_bytes((service / "image.png").read_bytes()[:900])
    return service


def block(language: str, heading: str) -> str:
    """The first block of `language` behind `heading`."""
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    _, found, rest = text.partition(heading)
    assert found
    match = re.search(rf"```{language}[^\n]*\n(.*?)```", rest, re.DOTALL)
    assert match is not None
    return match[1]


def check(said: str, folder: Path) -> None:
    label, probability = said.split()
    truth = next(Predictor(folder / "model-any-size.onnx").predict(folder / "image.png"))
    assert label == truth.label
    assert float(probability) == pytest.approx(truth.probability, abs=1e-3)


def test_a_service_gives_the_answer_of_predict_for_every_kind_of_image(service: Path) -> None:
    program = block("python", "## Elsewhere, with onnxruntime") + ALL_IMAGES
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=service, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, said = done.stdout.splitlines()
    predictor = Predictor(service / "model.onnx")
    truth = next(predictor.predict(service / "image.png"))
    assert first == f"{truth.label} {float(np.float32(truth.probability))}"
    images = sorted((service / "images").iterdir())
    assert json.loads(said) == [
        [image.name, answer.label, float(np.float32(answer.probability))]
        for image, answer in ((image, next(predictor.predict(image))) for image in images)
    ]
    assert len(images) == 6


def test_a_service_says_why_an_image_cannot_be_read(service: Path) -> None:
    program = block("python", "## Elsewhere, with onnxruntime").replace("image.png", "broken.png")
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=service, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "broken.png: cannot be decoded: image file is truncated\n"


def test_onnxruntime_in_python(folder: Path) -> None:
    command = [sys.executable, "-c", block("python", "**Without `preprocess.py`**")]
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
    page += f'<script type="module">{block("js", "## In a browser")}</script></body>'
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
