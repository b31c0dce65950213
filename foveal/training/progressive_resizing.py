"""Progressive resizing: training starts on smaller images, which cost less, and ends on full ones.

After Howard and others, the fast.ai entry to DAWNBench, 2018. `progress` is 0 at the first step
and 1 at the end; `start_scale` is the fraction of the side at progress 0, `start_cost` the measured
cost of a step there relative to one on full images (None: in proportion to the area).
"""

from __future__ import annotations

from statistics import fmean

import torch
from torch import nn

DEFAULT_START_SCALE = 0.625
MIN_START_SIDE = 16
"""Smallest side in pixels at which Foveal lets training start by itself."""
FULL_SIZE_PROGRESS = 2 / 3
"""Progress from which on images have their full size."""
SAMPLE_POINTS = 60
"""Points of progress at which sizes and costs are sampled."""

Size = tuple[int, int]
"""Height and width in pixels."""


def training_size(full_size: Size, start_scale: float, progress: float) -> Size:
    """The size of the training images at `progress`."""
    short = min(full_size)
    scale = start_scale + (1 - start_scale) * progress / FULL_SIZE_PROGRESS
    if scale >= 1:
        return full_size
    # few different sizes, each prepared once by the convolution library
    quantum = max(1, short // 8)
    side = min(short, max(1, round(scale * short / quantum) * quantum))
    return round(full_size[0] * side / short), round(full_size[1] * side / short)


def relative_cost(
    full_size: Size, start_scale: float, progress: float, start_cost: float | None = None
) -> float:
    """Cost of a step relative to one on full images, linear in the area."""
    area, least = (_area(full_size, start_scale, at) for at in (progress, 0.0))
    if start_cost is None or least >= 1:
        return area
    return start_cost + (1 - start_cost) * (area - least) / (1 - least)


def _area(full_size: Size, start_scale: float, progress: float) -> float:
    """Of the images at `progress`, as a fraction of that of full ones."""
    height, width = training_size(full_size, start_scale, progress)
    return height * width / (full_size[0] * full_size[1])


def mean_relative_cost(
    full_size: Size, start_scale: float, progress: float, start_cost: float | None = None
) -> float:
    """The mean of `relative_cost` from `progress` to the end."""
    if start_scale >= 1 or progress >= FULL_SIZE_PROGRESS:
        return 1.0
    remaining = 1 - progress
    return fmean(
        relative_cost(
            full_size, start_scale, progress + remaining * (point + 0.5) / SAMPLE_POINTS, start_cost
        )
        for point in range(SAMPLE_POINTS)
    )


@torch.no_grad()
def find_unsupported_size(
    module: nn.Module, channels: int, full_size: Size, start_scale: float
) -> Size | None:
    """A size below `full_size` that the module cannot compute; None where it computes all."""
    device = next(module.parameters()).device
    was_training = module.training
    module.eval()
    points = (point / SAMPLE_POINTS * FULL_SIZE_PROGRESS for point in range(SAMPLE_POINTS))
    sizes = dict.fromkeys(training_size(full_size, start_scale, progress) for progress in points)
    try:
        for size in sizes:
            try:
                module(torch.zeros(1, channels, *size, device=device))
            except RuntimeError:
                return size
    finally:
        module.train(was_training)
    return None
