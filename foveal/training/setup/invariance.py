"""Which changes keep an image like its own class: nearest neighbours tell before training.

Knows nothing of networks or recipes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from foveal.training.augment import translate_and_flip
from foveal.training.rng import Stream, permutation

MOST = 3000
LARGE, ENOUGH, SIDE = 64, 32, 16
"""Sides from the first on become the second before images are changed; all are compared at the
third."""
PART = 200


@dataclass(frozen=True)
class Invariance:
    """Share of images, 0..1, whose nearest other image has their label.

    plain: as they are.  mirrored: turned left to right.  moved: shifted along a diagonal, the mean
    over all four.
    """

    plain: float
    mirrored: float
    moved: float


def measure_invariance(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], reach: float
) -> Invariance | None:
    """What becomes of the nearest neighbours of changed images.

    pixels: (N, H, W, C) uint8, of which 3,000 are looked at.  labels: (N,); None for (N, classes)
    or fewer than 20 images.  reach: the shift as a share of the side, at least a pixel. A pure
    function of the data.
    """
    if labels.ndim != 1 or len(labels) < 20:
        return None
    chosen = np.sort(permutation(len(labels), Stream.INVARIANCE)[:MOST])
    labels = labels[chosen]
    parts = [_views(pixels[chosen[at : at + PART]], reach) for at in range(0, len(chosen), PART)]
    known, *moved = torch.cat(parts, dim=1)
    return Invariance(
        _right(known, known, labels),
        _right(known.flip(3), known, labels),
        round(fmean(_right(one, known, labels) for one in moved), 4),
    )


def _views(pixels: NDArray[np.uint8], reach: float) -> torch.Tensor:
    """(5, N, C, SIDE, SIDE): small images as they are and moved along the four diagonals."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    height, width = (ENOUGH if side >= LARGE else side for side in images.shape[2:])
    images = F.adaptive_avg_pool2d(images, (height, width))
    down, across = (np.full(len(pixels), max(1, round(reach * side))) for side in (height, width))
    still = np.zeros(len(pixels), bool)
    views = [images]
    for rows in (-down, down):
        views += [translate_and_flip(images, rows, columns, still) for columns in (-across, across)]
    return torch.stack([F.adaptive_avg_pool2d(view, (SIDE, SIDE)) for view in views])


def _right(asked: torch.Tensor, known: torch.Tensor, labels: NDArray[np.int64]) -> float:
    near = torch.cdist(asked.flatten(1), known.flatten(1))
    near.fill_diagonal_(torch.inf)
    return round(float((labels[near.argmin(dim=1).numpy()] == labels).mean()), 4)
