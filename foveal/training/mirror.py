"""Whether left and right matter: mirrored pictures may no longer look like their own class.

Knows nothing of networks; nearest neighbours on small pictures answer it before training.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from foveal.training.chance import shuffled

MOST = 3000
SIDE = 16
STREAM = 21


def mirror(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> tuple[float, float] | None:
    """Share of pictures whose nearest other picture has their label: as they are, and mirrored.

    pixels: (N, H, W, C) uint8, of which 3,000 are looked at.  labels: (N,); None for (N, classes)
    or fewer than 20 pictures.  A pure function of the data.
    """
    if labels.ndim != 1 or len(labels) < 20:
        return None
    chosen = np.sort(shuffled(len(labels), STREAM)[:MOST])
    labels = labels[chosen]
    small = F.adaptive_avg_pool2d(
        torch.from_numpy(pixels[chosen]).permute(0, 3, 1, 2).float(), (SIDE, SIDE)
    )
    return _right(small, small, labels), _right(small.flip(3), small, labels)


def _right(asked: torch.Tensor, known: torch.Tensor, labels: NDArray[np.int64]) -> float:
    near = torch.cdist(asked.flatten(1), known.flatten(1))
    near.fill_diagonal_(torch.inf)
    return round(float((labels[near.argmin(dim=1).numpy()] == labels).mean()), 4)
