"""Padding, epsilon and preprocessing of a source."""

from __future__ import annotations

from foveal.network.presets import load_preset
from foveal.pretrained.naming import Naming
from foveal.pretrained.variant import network_variant
from foveal.spec.layers import BatchNorm, Conv, Layer, Residual

STATISTICS = ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def walk(layers: tuple[Layer, ...]):
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from walk(layer.layers)


def test_symmetric_padding_and_epsilon_at_every_depth() -> None:
    network = network_variant("efficientnet-lite0", Naming("x", (), STATISTICS, "symmetric", 1e-5))
    convs = [layer for layer in walk(network.layers) if isinstance(layer, Conv)]
    strided = {layer.kernel: layer.padding for layer in convs if layer.stride == (2, 2)}
    assert strided == {(3, 3): (1, 1, 1, 1), (5, 5): (2, 2, 2, 2)}
    assert {layer.padding for layer in convs if layer.stride == (1, 1)} == {"same"}
    norms = [layer for layer in walk(network.layers) if isinstance(layer, BatchNorm)]
    assert len(norms) == 49
    assert {layer.epsilon for layer in norms} == {1e-5}
    assert (network.preprocess.mean, network.preprocess.std) == STATISTICS


def test_same_padding() -> None:
    network = network_variant("resnet18", Naming("x", (), STATISTICS, "same"))
    convs = [layer for layer in walk(network.layers) if isinstance(layer, Conv)]
    assert {layer.padding for layer in convs} == {"same"}


def test_what_the_naming_leaves_open_stays() -> None:
    network = network_variant("resnet18", Naming("x", (), STATISTICS))
    assert network.layers == load_preset("resnet18").layers
