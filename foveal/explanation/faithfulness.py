"""Whether a map tells the truth: deletion and insertion against random, weight randomisation.

Knows nothing of how a map was made: it is given one, and a function that makes one anew.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.target import Target, images_held

BLOCKS = 8
"""Blocks a side that are deleted and inserted as wholes, for maps and for random orders alike."""
ALIKE = 0.5
"""Rank correlation from which a map is said not to depend on the weights."""


@dataclass(frozen=True)
class Curves:
    """Probability of the label while blocks go (deletion) and come (insertion), first to last."""

    deletion: tuple[float, ...]
    insertion: tuple[float, ...]

    @property
    def gain(self) -> float:
        """Mean of insertion minus mean of deletion: the larger, the better the order."""
        return _area(self.insertion) - _area(self.deletion)


@dataclass(frozen=True)
class Baseline:
    """What random orders reach on the same image: their mean curves and each one's gain."""

    curves: Curves
    gains: tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """What both checks found; `trustworthy` only where the map passes both.

    beaten: how many of the `orders` random orders it beats (all are asked for).
    likeness: rank correlation with the map of the same network with shuffled weights.
    """

    trustworthy: bool
    reason: str
    beaten: int
    orders: int
    likeness: float
    curves: Curves
    random: Curves


def baseline(decision: Target, image: Tensor, *, orders: int = 19, steps: int = 10) -> Baseline:
    """Delete and insert blocks in `orders` random orders; 19 make a 5 % test."""
    blocks = _blocks(image)
    random = np.random.default_rng(0)
    shuffled = np.stack([random.permutation(blocks.max() + 1) for _ in range(orders)])
    curves = _curves(decision, image, blocks, shuffled, steps)
    mean = Curves(
        tuple(np.mean([curve.deletion for curve in curves], 0).tolist()),
        tuple(np.mean([curve.insertion for curve in curves], 0).tolist()),
    )
    return Baseline(mean, tuple(curve.gain for curve in curves))


def judge(
    decision: Target,
    image: Tensor,
    values: np.ndarray,
    again: Callable[[Target], np.ndarray],
    against: Baseline,
    shuffles: int = 2,
) -> Verdict:
    """Judge the map `values` (H, W); `again(decision)` makes the map of another network.

    Deletion and insertion (Petsiuk 2018) in blocks, against random orders of the same blocks;
    weight randomisation (Adebayo 2018): all learned numbers shuffled within their tensors.
    """
    blocks = _blocks(image)
    worth = np.bincount(blocks.ravel(), values.ravel()) / np.bincount(blocks.ravel())
    steps = len(against.curves.deletion) - 1
    order = np.argsort(-worth, kind="stable")
    curves = _curves(decision, image, blocks, order[None], steps)[0]
    likeness = float(
        np.mean(
            [rank_correlation(values, again(shuffled(decision, seed))) for seed in range(shuffles)]
        )
    )
    beaten = sum(curves.gain > gain for gain in against.gains)
    empty = float(np.ptp(values)) == 0.0
    reason = _reason(empty, beaten, len(against.gains), likeness)
    ok = not empty and beaten == len(against.gains) and abs(likeness) < ALIKE
    return Verdict(ok, reason, beaten, len(against.gains), likeness, curves, against.curves)


def _reason(empty: bool, beaten: int, orders: int, likeness: float) -> str:
    if empty:
        return "the map is the same everywhere: it points at nothing"
    said = f"its order beats {beaten} of {orders} random orders in deletion and insertion"
    if abs(likeness) >= ALIKE:
        return f"{said}, but it stays alike ({likeness:.2f}) when the weights are shuffled"
    return f"{said} and it changes ({likeness:.2f}) when the weights are shuffled"


def shuffled(decision: Target, seed: int) -> Target:
    """The same question to a copy of the network whose learned numbers are shuffled."""
    module: nn.Module = copy.deepcopy(decision.module)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in module.parameters():
            order = torch.randperm(weights.numel(), generator=random)
            weights.copy_(weights.flatten()[order].view_as(weights))
    return Target(
        module, decision.label_index, decision.function, decision.temperature, decision.background
    )


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation of two maps of one shape; 0 where one is constant."""
    a, b = _ranks(one.ravel()), _ranks(other.ravel())
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, ties sharing their mean."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which])


def _blocks(image: Tensor) -> np.ndarray:
    """The block each pixel belongs to: int64 (H, W)."""
    height, width = image.shape[2:]
    rows = np.arange(height) * min(BLOCKS, height) // height
    columns = np.arange(width) * min(BLOCKS, width) // width
    return np.asarray(rows[:, None] * (columns.max() + 1) + columns[None, :])


def _curves(
    decision: Target, image: Tensor, blocks: np.ndarray, orders: np.ndarray, steps: int
) -> list[Curves]:
    """Curves of each order (N, blocks): all their images through the network together."""
    count = orders.shape[1]
    places = np.argsort(orders, axis=1)  # when each block's turn comes
    cuts = np.round(np.linspace(0, count, steps + 1))
    gone = places[:, None, :] < cuts[None, :, None]  # (orders, steps + 1, blocks)
    masks = torch.from_numpy(gone[:, :, blocks]).flatten(0, 1)[:, None]
    nothing = decision.nothing(image)
    found = []
    for piece in torch.split(masks, images_held(image)):
        both = torch.cat([torch.where(piece, nothing, image), torch.where(piece, image, nothing)])
        found.append(decision.probability(decision.logits(both)).view(2, -1))
    values = torch.cat(found, 1).view(2, len(orders), steps + 1).tolist()
    return [Curves(tuple(out), tuple(into)) for out, into in zip(values[0], values[1], strict=True)]


def _area(curve: tuple[float, ...]) -> float:
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)
