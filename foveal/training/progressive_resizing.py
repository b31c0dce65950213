"""Growing images: training begins with small ones, which cost less, and ends with whole ones.

Known as progressive resizing: Howard and others, the fast.ai entry to DAWNBench, 2018. Knows
nothing of steps or seconds: progress 0 is the first step, 1 the end.
"""

from __future__ import annotations

from statistics import fmean

import torch
from torch import nn

DEFAULT_START_SCALE = 0.625
"""Share of the side to begin with where Foveal chooses."""
MIN_START_SIDE = 16
"""Shortest side in pixels that Foveal chooses to begin with."""
FULL_SIZE_PROGRESS = 2 / 3
"""Progress from which on images are whole."""
POINTS = 60

Size = tuple[int, int]


def training_size(full: Size, start: float, progress: float) -> Size:
    """Height and width training looks at, of `full` ones that start at that share of their side."""
    short = min(full)
    share = start + (1 - start) * progress / FULL_SIZE_PROGRESS
    if share >= 1:
        return full
    # few different sizes, each prepared once by the convolution library
    quantum = max(1, short // 8)
    side = min(short, max(1, round(share * short / quantum) * quantum))
    return round(full[0] * side / short), round(full[1] * side / short)


def relative_cost(full: Size, start: float, progress: float) -> float:
    """What a step costs, as a share of one with whole images: convolutions go with the area."""
    height, width = training_size(full, start, progress)
    return height * width / (full[0] * full[1])


def mean_relative_cost(full: Size, start: float, progress: float) -> float:
    """The mean of `work` from `progress` to the end."""
    if start >= 1 or progress >= FULL_SIZE_PROGRESS:
        return 1.0
    left = 1 - progress
    return fmean(
        relative_cost(full, start, progress + left * (at + 0.5) / POINTS) for at in range(POINTS)
    )


@torch.no_grad()
def find_unsupported_size(
    module: nn.Module, channels: int, full: Size, start: float
) -> Size | None:
    """A size on the way to `full` that the module cannot compute; None where it can all."""
    device = next(module.parameters()).device
    mode = module.training
    module.eval()
    try:
        for small in {
            training_size(full, start, at / POINTS * FULL_SIZE_PROGRESS): None
            for at in range(POINTS)
        }:
            try:
                module(torch.zeros(1, channels, *small, device=device))
            except RuntimeError:
                return small
    finally:
        module.train(mode)
    return None
