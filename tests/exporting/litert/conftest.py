"""A small model with normalisation, a norm, pools and an average over the flipped image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foveal.exporting.samples import ParitySamples
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.spec.layers import BatchNorm, Conv, GlobalAvgPool, MaxPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess


@pytest.fixture(scope="session")
def model() -> Model:
    network = Network(
        input=Input(height=12, width=10, channels=3),
        preprocess=Preprocess(fit="pad", flip_average=True),
        layers=(Conv(8), BatchNorm(), Relu(), MaxPool(2), GlobalAvgPool(), Output("softmax")),
    )
    manifest = Manifest(
        network=network,
        labels=("ant", "bee", "cat"),
        temperature=0.7,
        weights={"name": "n", "source": "s", "licence": "MIT", "sha256": "0"},
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = network.build(3).eval()
        module.output.weight.data.mul_(8)
    return Model(module, manifest)


@pytest.fixture(scope="session")
def samples() -> ParitySamples:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 10, 3), dtype=np.uint8)
    return ParitySamples(pixels, None, lambda index: pixels[index].tobytes())
