"""Which changes keep a picture like its own class: nearest neighbours tell before training.

Knows nothing of networks or recipes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from foveal.training.augment import move
from foveal.training.chance import shuffled

MOST = 3000
LARGE, ENOUGH, SIDE = 64, 32, 16
"""Pictures from the first side on are made the second before they are changed, all are compared
at the third."""
STREAM = 21
PART = 200


@dataclass(frozen=True)
class Neighbours:
    """Share of pictures, 0..1, whose nearest other picture has their label.

    plain: as they are.  mirrored: turned left to right.  moved: shifted along a diagonal, the mean
    over all four.
    """

    plain: float
    mirrored: float
    moved: float


def neighbours(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], reach: float
) -> Neighbours | None:
    """What becomes of the nearest neighbours of changed pictures.

    pixels: (N, H, W, C) uint8, of which 3,000 are looked at.  labels: (N,); None for (N, classes)
    or fewer than 20 pictures.  reach: the shift as a share of the side, at least a pixel. A pure
    function of the data.
    """
    if labels.ndim != 1 or len(labels) < 20:
        return None
    chosen = np.sort(shuffled(len(labels), STREAM)[:MOST])
    labels = labels[chosen]
    pictures = torch.cat(
        [_reduced(pixels[chosen[at : at + PART]]) for at in range(0, len(chosen), PART)]
    )
    known = _small(pictures)
    rows, columns = (max(1, round(reach * side)) for side in pictures.shape[2:])
    still = np.zeros(len(labels), bool)
    moved = [
        move(pictures, np.full_like(labels, down), np.full_like(labels, across), still)
        for down in (-rows, rows)
        for across in (-columns, columns)
    ]
    return Neighbours(
        _right(known, known, labels),
        _right(known.flip(3), known, labels),
        round(sum(_right(_small(one), known, labels) for one in moved) / len(moved), 4),
    )


def _reduced(pixels: NDArray[np.uint8]) -> torch.Tensor:
    pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    if min(pictures.shape[2:]) < LARGE:
        return pictures
    return F.adaptive_avg_pool2d(pictures, (ENOUGH, ENOUGH))


def _small(pictures: torch.Tensor) -> torch.Tensor:
    return F.adaptive_avg_pool2d(pictures, (SIDE, SIDE))


def _right(asked: torch.Tensor, known: torch.Tensor, labels: NDArray[np.int64]) -> float:
    near = torch.cdist(asked.flatten(1), known.flatten(1))
    near.fill_diagonal_(torch.inf)
    return round(float((labels[near.argmin(dim=1).numpy()] == labels).mean()), 4)
