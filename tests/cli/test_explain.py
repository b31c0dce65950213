"""`foveal explain` on real files: what it prints and writes, and the errors."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from foveal.cli.main import run
from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.spec import layers as L
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


@pytest.fixture
def model(tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = Network(
        input=Input(height=12, width=12, channels=3),
        layers=(L.Conv(4), L.Relu(), L.MaxPool(2), L.Flatten(), L.Output()),
    )
    labels = ("cat", "dog", "</script>")
    manifest = Manifest(network=network, labels=labels)
    save_model("model.safetensors", Model(network.build(3), manifest))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path


def test_the_page_has_the_prediction(model, capsys):
    assert run(["--quiet", "predict", "model.safetensors", "photo.png", "--format", "jsonl"]) == 0
    prediction = json.loads(capsys.readouterr().out)
    assert run(["explain", "model.safetensors", "photo.png", "--out", "page.html"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{prediction['label']}  probability {prediction['probability']:.3f}\n")
    assert re.search(
        r"^cam of max_pool_1: (faithful|NOT faithful); deletion and insertion: ", out, re.M
    )
    assert out.endswith("page    page.html\n")
    page = (model / "page.html").read_text("utf-8")
    found = re.findall(r'<script type="application/json" id="foveal">(.*?)</script>', page, re.S)
    data = json.loads(found[0])
    assert (data["label"], data["probability"]) == (prediction["label"], prediction["probability"])
    assert data["labels"] == ["cat", "dog", "</script>"]
    names = [layer["name"] for layer in data["layers"]]
    assert names == ["image", "normalise", "conv_1", "relu_1", "max_pool_1", "flatten_1", "output"]
    assert data["top_images_missing"] == "no_data_file"
    assert "Content-Security-Policy" in page


def test_plots_and_language(model, capsys):
    arguments = ["explain", "model.safetensors", "photo.png", "--png", "plots", "--layer", "conv_1"]
    assert run(arguments) == 0
    assert "cam of conv_1" in capsys.readouterr().out
    assert not (model / "lens.html").exists()
    assert {"image.png", "cam.png", "002-conv_1.png"} <= {
        file.name for file in (model / "plots").iterdir()
    }
    assert run(["explain", "model.safetensors", "photo.png", "--lang", "ko"]) == 0
    assert '<html lang="ko">' in (model / "lens.html").read_text("utf-8")


def test_top_images_come_from_data(model, digits, capsys):
    arguments = [
        "explain",
        "model.safetensors",
        "photo.png",
        "--data",
        str(digits),
        "--out",
        "p.html",
    ]
    assert run(arguments) == 0
    assert '"image_count":300' in (model / "p.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["model.safetensors", "bad.png"], 1, "the image bad.png cannot be read ("),
        (["model.safetensors", "none.png"], 1, "the image none.png cannot be read ("),
        (
            ["model.onnx", "photo.png"],
            1,
            "model.onnx is an exported file, which holds no torch module; give the "
            "model.safetensors it was exported from",
        ),
        (
            ["model.safetensors", "photo.png", "--out", "./photo.png"],
            2,
            "--out is the image itself, photo.png, which is never altered; give another name",
        ),
        (
            ["model.safetensors", "photo.png", "--out", "model.safetensors"],
            2,
            "--out is the model itself, model.safetensors, which is never altered; give another "
            "name",
        ),
        (
            ["model.safetensors", "photo.png", "--layer", "conv1"],
            2,
            "the network has no layer 'conv1' (did you mean 'conv_1'?); `foveal show MODEL` lists "
            "them",
        ),
        (
            ["model.safetensors", "photo.png", "--layer", "flatten_1"],
            2,
            "the layer 'flatten_1' has no feature maps, so no class activation map can be taken "
            "from it; give one of conv_1, relu_1, max_pool_1",
        ),
        (
            ["model.safetensors", "photo.png", "--data", "nowhere"],
            1,
            "no such file or folder: nowhere; give the folder that holds the images",
        ),
    ],
)
def test_every_error_is_one_sentence(model, capsys, arguments, status, text):
    (model / "bad.png").write_bytes(b"no image")
    (model / "model.onnx").write_bytes(b"\x08\x07\x12\x05torch")
    assert run(["--quiet", "explain", *arguments]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"foveal: {text}")
    assert captured.err.count("\n") == 1
