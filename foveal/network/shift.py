"""How much feature maps change when the image moves by a few pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Images = TypeVar("Images", np.ndarray, "Tensor")

SHIFT_PIXELS = (1, 2, 3)
"""The shifts that are measured, in pixels of the network's input."""


def shift_images(images: Images, down: int, right: int) -> Images:
    """Images moved by whole pixels; the edge they leave is repeated.

    images: axes 1 and 2 are height and width: (N, H, W, C) pixels or (C, H, W) of one image.
    """
    height, width = images.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    moved: Images = images[:, rows][:, :, columns]
    return moved


def relative_change(before: Tensor, after: Tensor) -> Tensor:
    """(N, ...) and (N, ...) to (N,): |before - after| / ((|before| + |after|) / 2), 0 to 2.

    |x| is the Euclidean norm of a row; a row that is zero in both has not changed (0). Dividing by
    the mean of both norms, not by the norm of `before` alone, keeps the measure symmetric (neither
    position of the image is the original one) and bounded: a map that is empty before and active
    after has changed by 2, where the one-sided ratio has no limit and a single dead filter would
    outweigh a whole layer. It does not depend on the scale of the maps, so layers can be compared.
    """
    first, second = before.flatten(1), after.flatten(1)
    return change_of_norms((first - second).norm(dim=1), first.norm(dim=1), second.norm(dim=1))


def change_of_norms(distance: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """The relative change from the norm of the difference and the norms of both, in any shape."""
    size = (before + after) / 2
    change: Tensor = distance / size.clamp_min(1e-12)
    return change
