"""Measure which changes of an image keep its class, by nearest neighbours, before training."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.training.augment import translate_and_flip
from foveal.training.rng import Stream, permutation
from foveal.training.streaming import Pixels

MIN_IMAGES, MAX_IMAGES = 20, 3000
LARGE_SIDE, REDUCED_SIDE, COMPARED_SIDE = 64, 32, 16
"""Images with sides from the first on are reduced to the second before they are shifted; all are
compared at the third."""
SHIFT_CHUNK_IMAGES = 200
"""Images that are shifted at a time."""


@dataclass(frozen=True)
class Invariance:
    """Accuracy 0..1 of the nearest other image's label for changed images.

    plain: unchanged.  mirrored: left to right.  moved: shifted along a diagonal, the mean over
    all four.
    """

    plain: float
    mirrored: float
    moved: float


def measure_invariance(
    pixels: Pixels, labels: NDArray[np.int64], shift: float
) -> Invariance | None:
    """Nearest-neighbour accuracy of images as they are, mirrored and shifted.

    pixels: (N, H, W, C) uint8, of which a fixed sample is taken.  labels: (N,); None is returned
    for (N, classes) or few images.  shift: share of the side, at least a pixel.
    """
    if labels.ndim != 1 or len(labels) < MIN_IMAGES:
        return None
    rows = np.sort(permutation(len(labels), Stream.INVARIANCE)[:MAX_IMAGES])
    labels = labels[rows]
    chunks = [
        rows[start : start + SHIFT_CHUNK_IMAGES]
        for start in range(0, len(rows), SHIFT_CHUNK_IMAGES)
    ]
    views = [_plain_and_shifted(pixels[chunk], shift) for chunk in chunks]
    plain, *moved = torch.cat(views, dim=1)
    return Invariance(
        _accuracy(plain, plain, labels),
        _accuracy(plain.flip(3), plain, labels),
        round(fmean(_accuracy(view, plain, labels) for view in moved), 4),
    )


def _plain_and_shifted(pixels: NDArray[np.uint8], shift: float) -> Tensor:
    """(5, N, C, side, side): reduced images, unchanged and shifted along the four diagonals."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    height, width = (REDUCED_SIDE if side >= LARGE_SIDE else side for side in images.shape[2:])
    images = F.adaptive_avg_pool2d(images, (height, width))
    down, across = (np.full(len(pixels), max(1, round(shift * side))) for side in (height, width))
    not_mirrored = np.zeros(len(pixels), bool)
    views = [images]
    for rows in (-down, down):
        views += [
            translate_and_flip(images, rows, columns, not_mirrored) for columns in (-across, across)
        ]
    size = (COMPARED_SIDE, COMPARED_SIDE)
    return torch.stack([F.adaptive_avg_pool2d(view, size) for view in views])


def _accuracy(queries: Tensor, references: Tensor, labels: NDArray[np.int64]) -> float:
    """Of the label of the nearest reference; row i of both is the same image and is left out."""
    distances = torch.cdist(queries.flatten(1), references.flatten(1))
    distances.fill_diagonal_(torch.inf)
    return round(float((labels[distances.argmin(dim=1).numpy()] == labels).mean()), 4)
