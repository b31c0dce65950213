"""Whether an attribution map is faithful: deletion and insertion, and weight randomisation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.target import Target, max_batch_images

BLOCKS_PER_SIDE = 8
"""The image is deleted and inserted in blocks, for attribution maps and random orders alike."""
MAX_RANDOMISED_CORRELATION = 0.5
"""Rank correlation from which a map counts as independent of the weights."""


@dataclass(frozen=True)
class Curves:
    """Probability of the label while blocks are deleted and inserted, first to last."""

    deletion: tuple[float, ...]
    insertion: tuple[float, ...]

    @property
    def auc_difference(self) -> float:
        """Insertion AUC minus deletion AUC: the larger, the better the order of the blocks."""
        return _auc(self.insertion) - _auc(self.deletion)


@dataclass(frozen=True)
class RandomBaseline:
    """Random orders of the same blocks: their mean curves and each one's AUC difference."""

    curves: Curves
    auc_differences: tuple[float, ...]


@dataclass(frozen=True)
class Faithfulness:
    """The results of both checks; `faithful` only where the map passes both.

    random_orders_beaten: how many of the `random_orders` have a smaller AUC difference; all must.
    randomised_correlation: Spearman's rank correlation with the map of the same network after its
    weights were randomised; its size must be below MAX_RANDOMISED_CORRELATION.
    constant: the map has one value everywhere.
    """

    faithful: bool
    reason: str
    random_orders_beaten: int
    random_orders: int
    randomised_correlation: float
    constant: bool
    curves: Curves
    random_curves: Curves


def random_baseline(
    target: Target, image: Tensor, *, random_orders: int = 19, steps: int = 10
) -> RandomBaseline:
    """Delete and insert blocks in random orders; beating 19 of 19 is a test at the 5 % level."""
    blocks = _block_numbers(image)
    rng = np.random.default_rng(0)
    orders = np.stack([rng.permutation(blocks.max() + 1) for _ in range(random_orders)])
    curves = _curves(target, image, blocks, orders, steps)
    mean = Curves(
        tuple(np.mean([curve.deletion for curve in curves], 0).tolist()),
        tuple(np.mean([curve.insertion for curve in curves], 0).tolist()),
    )
    return RandomBaseline(mean, tuple(curve.auc_difference for curve in curves))


def check_faithfulness(
    target: Target,
    image: Tensor,
    values: np.ndarray,
    attribute: Callable[[Target], np.ndarray],
    baseline: RandomBaseline,
    *,
    randomisations: int = 2,
) -> Faithfulness:
    """Check the attribution map `values` (H, W), which `attribute(target)` made.

    Deletion and insertion (Petsiuk 2018) in blocks, against random orders of the same blocks;
    weight randomisation (Adebayo 2018): all parameters are shuffled within their tensors, and
    `attribute` makes the map of that network.
    """
    blocks = _block_numbers(image)
    importance = np.bincount(blocks.ravel(), values.ravel()) / np.bincount(blocks.ravel())
    order = np.argsort(-importance, kind="stable")
    steps = len(baseline.curves.deletion) - 1
    curves = _curves(target, image, blocks, order[None], steps)[0]
    randomised = [attribute(randomise_weights(target, seed)) for seed in range(randomisations)]
    # opposite signs, which are by chance under other weights, must not cancel
    correlation = float(np.mean([abs(rank_correlation(values, other)) for other in randomised]))
    random_orders = len(baseline.auc_differences)
    beaten = sum(curves.auc_difference > other for other in baseline.auc_differences)
    constant = float(np.ptp(values)) == 0.0
    depends_on_weights = correlation < MAX_RANDOMISED_CORRELATION
    return Faithfulness(
        faithful=not constant and beaten == random_orders and depends_on_weights,
        reason=_reason(constant, beaten, random_orders, correlation),
        random_orders_beaten=beaten,
        random_orders=random_orders,
        randomised_correlation=correlation,
        constant=constant,
        curves=curves,
        random_curves=baseline.curves,
    )


def _reason(constant: bool, beaten: int, random_orders: int, correlation: float) -> str:
    if constant:
        return "the map has the same value everywhere"
    return (
        f"deletion and insertion: better than {beaten} of {random_orders} random orders; "
        f"rank correlation after weight randomisation: {correlation:.2f} "
        f"(must be below {MAX_RANDOMISED_CORRELATION})"
    )


def randomise_weights(target: Target, seed: int) -> Target:
    """The target on a copy of the network whose parameters are shuffled within their tensors."""
    module: nn.Module = copy.deepcopy(target.module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in module.parameters():
            order = torch.randperm(weights.numel(), generator=generator)
            weights.copy_(weights.flatten()[order].view_as(weights))
    return replace(target, module=module)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of one shape; 0 where one is constant.

    As scipy.stats.spearmanr, whose import alone takes 0.6 s, a quarter of explaining a small
    network.
    """
    a, b = _ranks(first.ravel()), _ranks(second.ravel())
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties sharing their mean."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group])


def _block_numbers(image: Tensor) -> np.ndarray:
    """The number of the block each pixel belongs to: int64 (H, W)."""
    height, width = image.shape[2:]
    rows = np.arange(height) * min(BLOCKS_PER_SIDE, height) // height
    columns = np.arange(width) * min(BLOCKS_PER_SIDE, width) // width
    return np.asarray(rows[:, None] * (columns.max() + 1) + columns[None, :])


def _curves(
    target: Target, image: Tensor, blocks: np.ndarray, orders: np.ndarray, steps: int
) -> list[Curves]:
    """The curves of each order (N, blocks): all their images through the network together.

    At both ends the images of all orders are the same: the image, and none of it.
    """
    block_count = orders.shape[1]
    ranks = np.argsort(orders, axis=1)  # when each block's turn comes
    deleted_counts = np.round(np.linspace(0, block_count, steps + 1))[1:-1]
    deleted = ranks[:, None, :] < deleted_counts[None, :, None]  # (orders, steps - 1, blocks)
    masks = torch.from_numpy(deleted[:, :, blocks]).flatten(0, 1)[:, None]
    empty = target.baseline_image(image)
    whole, none = target.probability(target.logits(torch.cat([image, empty]))).tolist()
    parts = []
    for mask in torch.split(masks, max_batch_images(image)):
        both = torch.cat([torch.where(mask, empty, image), torch.where(mask, image, empty)])
        parts.append(target.probability(target.logits(both)).view(2, -1))
    deletion, insertion = torch.cat(parts, 1).view(2, len(orders), steps - 1).tolist()
    return [
        Curves((whole, *down, none), (none, *up, whole))
        for down, up in zip(deletion, insertion, strict=True)
    ]


def _auc(curve: tuple[float, ...]) -> float:
    """Area under a curve over 0 to 1, by the trapezoidal rule."""
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)
