"""Layers that are built alone, and maps to send through them."""

import numpy as np
import pytest
import torch

from foveal.network.build import build
from foveal.network.shapes import trace
from foveal.spec.layers import Conv, Flatten, Layer, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


def _part(layer: Layer, height: int, width: int, channels: int = 2):
    """The built module of one layer (its padding step included) that sees `channels` maps."""
    layers = [Conv(channels, kernel=1), layer, Flatten(), Output()]
    network = Network(input=Input(height=height, width=width), layers=layers)
    module = build(network, 3).eval()
    following = trace(network, 3).layers[1].output_shape
    return module[2:-2], following


def _maps(height, width, channels=2, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(2, channels, height, width)))


@pytest.fixture(scope="session")
def part():
    """`part(layer, height, width, channels)` is its module, and the shape that it makes."""
    return _part


@pytest.fixture(scope="session")
def maps():
    """`maps(height, width, channels)` are random ones of two images."""
    return _maps
