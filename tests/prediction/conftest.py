"""A native and an exported file of one network, made without any image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.spec.layers import BatchNorm, Conv, GlobalAvgPool, MaxPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess


def random_model(labels: tuple[str, ...], function: str = "softmax", **manifest) -> Model:
    """Random weights, answers far from even."""
    network = Network(
        input=Input(height=24, width=20, channels=3),
        preprocess=Preprocess(fit="crop", flip_average=True),
        layers=(
            Conv(8),
            BatchNorm(),
            Relu(),
            MaxPool(2),
            Conv(16, stride=2),
            Relu(),
            GlobalAvgPool(),
            Output(function),
        ),
    )
    written = Manifest(network=network, labels=labels, temperature=0.7, **manifest)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = network.build(len(labels), task=written.task).eval()
        module.output.weight.data.mul_(8)
    return Model(module, written)


@pytest.fixture(scope="session")
def native(made_once) -> Path:
    def make(folder: Path) -> None:
        save_model(folder / "model.safetensors", random_model(("ant", "bee", "cat", "dog")))

    return made_once("animals", make) / "model.safetensors"


@pytest.fixture(scope="session")
def exported(native: Path, made_once) -> Path:
    def make(folder: Path) -> None:
        from foveal.exporting.onnx import export_graph
        from foveal.exporting.seal import seal_graph
        from foveal.model.model import load_model

        model = load_model(native)
        content = seal_graph(export_graph(model).SerializeToString(), model.manifest)
        (folder / "model.onnx").write_bytes(content)

    return made_once("exported-animals", make) / "model.onnx"


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 images of many sizes and formats in nested folders, drawn from smooth noise."""
    from PIL import Image

    random = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("photos")
    for number in range(150):
        small = random.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        size = tuple(int(side) for side in random.integers(20, 300, 2))
        folder = root / f"part {number % 3}"
        folder.mkdir(exist_ok=True)
        suffix = ("jpg", "png", "webp")[number % 3]
        image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
        image.save(folder / f"{number:03d}.{suffix}")
    return root
