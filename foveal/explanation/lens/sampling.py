"""Which feature maps of a large network go on the lens page: those that contribute most.

Layers whose maps belong together (a convolution, its norm, its activation, a residual's sum) show
the same maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from foveal.explanation.activations import Activations, LayerActivation

MAX_PACKED_BYTES = 8_000_000
"""Bytes of packed maps and filters on a page; what else is on it fits into the 15 MB."""
MAP_COUNTS = (512, 256, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
"""Maps a layer that are tried, until the page is small enough."""
MAX_DENSE_VALUES = 64
"""Units of a dense layer, and inputs of each unit, that are on the page at most."""
MAX_VECTOR_VALUES = 256
"""Values of other layers without maps (flatten and what follows it) on the page at most."""
_NEW_MAPS = frozenset({"conv", "dense", "output", "flatten", "concat", "image"})
"""Kinds of layers whose maps are not those of their input."""


def choose_maps(
    activations: Activations, label_index: int, max_bytes: int = MAX_PACKED_BYTES
) -> list[list[int]]:
    """For each layer the channels (or units) to show, rising; none where nothing would fit.

    label_index: the output unit the gradients belong to, always shown.
    """
    layers = activations.layers
    groups = _groups(layers)
    importance = _importance(layers, groups, label_index)
    maps: list[list[int]] = []
    for count in MAP_COUNTS:
        maps = [
            _most_important(layer, importance[group], count)
            for layer, group in zip(layers, groups, strict=True)
        ]
        if _total_bytes(layers, maps) <= max_bytes:
            return maps
    return _omit_layers(layers, maps, max_bytes)


def _total_bytes(layers: Sequence[LayerActivation], maps: Sequence[Sequence[int]]) -> int:
    return sum(packed_bytes(layer, maps) for layer in layers)


def _omit_layers(
    layers: Sequence[LayerActivation], maps: list[list[int]], max_bytes: int
) -> list[list[int]]:
    """Omit whole layers, the largest first, until the rest fits."""
    kept = [list(channels) for channels in maps]
    for layer in sorted(layers, key=lambda layer: -layer.output.numel()):
        if _total_bytes(layers, kept) <= max_bytes:
            break
        kept[layer.id] = []
    if not kept[0]:  # the page computes the normalised values from the image's
        kept[1] = []
    return kept


def packed_bytes(layer: LayerActivation, maps: Sequence[Sequence[int]]) -> int:
    """Bytes a layer takes on the page in base64; `maps` are the channels shown of each layer."""
    channels = len(maps[layer.id])
    cells = prod(layer.shape[1:])
    if layer.kind == "normalise" or not channels:
        return 0
    if layer.kind == "image":
        return channels * cells * 4 // 3
    total = channels * cells * 4
    if layer.kind == "conv":
        weights = len(maps[layer.inputs[0]]) * prod(layer.hyperparameters["kernel"])
        total += channels * (cells + weights) * 4
    if layer.kind in ("dense", "output"):
        total += channels * MAX_DENSE_VALUES * 12
    return total * 4 // 3


def _most_important(layer: LayerActivation, importance: np.ndarray, count: int) -> list[int]:
    channels = layer.shape[0]
    if layer.kind in ("image", "normalise"):
        return list(range(channels))
    if len(layer.shape) == 1:
        dense = layer.kind in ("dense", "output")
        limit = MAX_DENSE_VALUES if dense else MAX_VECTOR_VALUES
        count = min(limit, max(count, MAX_DENSE_VALUES))
    if channels <= count:
        return list(range(channels))
    return sorted(np.argsort(-importance, kind="stable")[:count].tolist())


def _groups(layers: Sequence[LayerActivation]) -> list[int]:
    """For each layer the number of its group, whose layers show the same maps (union-find)."""
    parent = list(range(len(layers)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for layer in layers:
        if layer.kind in _NEW_MAPS and not _is_depthwise(layer, layers):
            continue
        for input_id in layer.inputs:
            parent[root(input_id)] = root(layer.id)
    return [root(index) for index in range(len(layers))]


def _is_depthwise(layer: LayerActivation, layers: Sequence[LayerActivation]) -> bool:
    if layer.kind != "conv":
        return False
    inputs = layers[layer.inputs[0]].shape[0]
    return bool(layer.hyperparameters["groups"] == layer.shape[0] == inputs)


def _importance(
    layers: Sequence[LayerActivation], groups: Sequence[int], label_index: int
) -> dict[int, np.ndarray]:
    """For each group the importance of its maps: the sum of their parts in every layer."""
    importance: dict[int, np.ndarray] = {
        group: np.zeros(layers[group].shape[0]) for group in groups
    }
    for layer, group in zip(layers, groups, strict=True):
        if layer.kind == "output":
            importance[group] = layer.output.double().numpy().copy()
            importance[group][min(label_index, layer.shape[0] - 1)] = np.inf
            continue
        contributions = layer.contributions()
        if contributions is not None and len(contributions) == len(importance[group]):
            total = np.abs(contributions).sum()
            importance[group] += np.abs(contributions) / (total or 1.0)
    return importance
