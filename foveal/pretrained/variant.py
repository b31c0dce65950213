"""A preset with the padding, epsilon and preprocessing of the source that learned the weights.

A difference of these does not show in the names or shapes of the weights, only in the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from foveal.network.presets import load_preset
from foveal.pretrained.naming import Naming
from foveal.spec.layers import BatchNorm, Concat, Conv, Layer, Residual
from foveal.spec.network import Network


def network_variant(preset: str, naming: Naming) -> Network:
    """The network whose weights have the names of `naming`."""
    network = load_preset(preset)
    mean, std = naming.statistics

    def adapt(layer: Layer) -> Layer:
        if isinstance(layer, Conv) and naming.padding is not None:
            return _with_padding(layer, naming.padding)
        if isinstance(layer, BatchNorm) and naming.epsilon is not None:
            return layer.model_copy(update={"epsilon": naming.epsilon})
        return layer

    return network.model_copy(
        update={
            "layers": _map_layers(network.layers, adapt),
            "preprocess": network.preprocess.model_copy(update={"mean": mean, "std": std}),
        }
    )


def _with_padding(conv: Conv, padding: Literal["symmetric", "same"]) -> Conv:
    """Symmetric padding of an odd kernel is half the kernel; without a stride both are equal."""
    if conv.kernel == (1, 1):
        return conv
    if padding == "same" or conv.stride == (1, 1):
        return conv.model_copy(update={"padding": "same"})
    rows, columns = (size // 2 for size in conv.kernel)
    return conv.model_copy(update={"padding": (rows, rows, columns, columns)})


def _map_layers(layers: tuple[Layer, ...], change: Callable[[Layer], Layer]) -> tuple[Layer, ...]:
    return tuple(_map_layer(layer, change) for layer in layers)


def _map_layer(layer: Layer, change: Callable[[Layer], Layer]) -> Layer:
    if isinstance(layer, Residual):
        return layer.model_copy(update={"layers": _map_layers(layer.layers, change)})
    if isinstance(layer, Concat):
        branches = tuple(_map_layers(branch, change) for branch in layer.branches)
        return layer.model_copy(update={"branches": branches})
    return change(layer)
