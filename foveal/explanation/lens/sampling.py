"""Which maps of a large network go on the page: those with the largest part in the decision.

Layers whose maps belong together (a convolution, its norm, its activation, a residual's sum) show
the same maps. Knows nothing of how they are packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from foveal.explanation.activations import Activations, Node

BUDGET = 8_000_000
"""Bytes of packed maps and filters on a page; what else is on it fits into the 15 MB."""
COUNTS = (512, 256, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
VALUES = 64
"""Units of a dense layer, and inputs of each unit, that are on the page at most."""
ROW = 256
"""Values of one row (flatten and what follows it) that are on the page at most."""
_OWN = frozenset({"conv", "dense", "output", "flatten", "concat", "image"})


def sampled(recording: Activations, target: int, budget: int = BUDGET) -> list[list[int]]:
    """For each layer the channels (or units) to show, rising; none where nothing would fit.

    target: the output unit the gradients belong to, always shown.
    """
    groups = _groups(recording.nodes)
    worth = _worth(recording.nodes, groups, target)
    chosen: list[list[int]] = []
    for count in COUNTS:
        chosen = [
            _best(node, worth[group], count)
            for node, group in zip(recording.nodes, groups, strict=True)
        ]
        if sum(map(size, recording.nodes, chosen, [chosen] * len(chosen))) <= budget:
            return chosen
    return _dropped(recording.nodes, chosen, budget)


def _dropped(nodes: Sequence[Node], chosen: list[list[int]], budget: int) -> list[list[int]]:
    """Leave whole layers out, the largest first, until the rest fits."""
    left = [list(maps) for maps in chosen]
    for node in sorted(nodes, key=lambda node: -node.output.numel()):
        if sum(map(size, nodes, left, [left] * len(left))) <= budget:
            break
        left[node.id] = []
    if not left[0]:  # the page computes the normalised values from the image's
        left[1] = []
    return left


def size(node: Node, maps: Sequence[int], chosen: Sequence[Sequence[int]]) -> int:
    """Bytes a layer takes on the page when `maps` of it are shown, in base64."""
    cells = prod(node.shape[1:])
    if node.kind == "normalise" or not maps:
        return 0
    if node.kind == "image":
        return len(maps) * cells * 4 // 3
    total = len(maps) * cells * 4
    if node.kind == "conv":
        seen = len(chosen[node.inputs[0]])
        total += len(maps) * cells * 4 + len(maps) * seen * prod(node.settings["kernel"]) * 4
    if node.kind in ("dense", "output"):
        total += len(maps) * VALUES * 12
    return total * 4 // 3


def _best(node: Node, worth: np.ndarray, count: int) -> list[int]:
    channels = node.shape[0]
    if node.kind in ("image", "normalise"):
        return list(range(channels))
    if len(node.shape) == 1:
        dense = node.kind in ("dense", "output")
        count = min(VALUES if dense else ROW, max(count, VALUES))
    if channels <= count:
        return list(range(channels))
    return sorted(np.argsort(-worth, kind="stable")[:count].tolist())


def _groups(nodes: Sequence[Node]) -> list[int]:
    """For each layer the number of the group whose maps are its own."""
    parent = list(range(len(nodes)))

    def root(at: int) -> int:
        while parent[at] != at:
            at = parent[at]
        return at

    for node in nodes:
        depthwise = (
            node.kind == "conv"
            and node.settings["groups"] == node.shape[0] == nodes[node.inputs[0]].shape[0]
        )
        if node.kind in _OWN and not depthwise:
            continue
        for given in node.inputs:
            parent[root(given)] = root(node.id)
    return [root(at) for at in range(len(nodes))]


def _worth(nodes: Sequence[Node], groups: Sequence[int], target: int) -> dict[int, np.ndarray]:
    """For each group how much each of its maps matters: mean of its parts in every layer."""
    worth: dict[int, np.ndarray] = {group: np.zeros(nodes[group].shape[0]) for group in groups}
    for node, group in zip(nodes, groups, strict=True):
        if node.kind == "output":
            worth[group] = node.output.double().numpy().copy()
            worth[group][min(target, node.shape[0] - 1)] = np.inf
            continue
        share = node.share()
        if share is not None and len(share) == len(worth[group]):
            total = np.abs(share).sum()
            worth[group] += np.abs(share) / (total or 1.0)
    return worth
