"""Growing images: training begins with small ones, which cost less, and ends with whole ones.

Known as progressive resizing: Howard and others, the fast.ai entry to DAWNBench, 2018. Knows
nothing of steps or seconds: progress 0 is the first step, 1 the end.
"""

from __future__ import annotations

from statistics import fmean

import torch
from torch import nn

START = 0.625
"""Share of the side to begin with where Foveal chooses."""
LEAST = 16
"""Shortest side in pixels that Foveal chooses to begin with."""
GROWN = 2 / 3
"""Progress from which on images are whole."""
POINTS = 60

Size = tuple[int, int]


def size(full: Size, start: float, progress: float) -> Size:
    """Height and width training looks at, of `full` ones that start at that share of their side."""
    short = min(full)
    share = start + (1 - start) * progress / GROWN
    if share >= 1:
        return full
    # few different sizes, each prepared once by the convolution library
    quantum = max(1, short // 8)
    side = min(short, max(1, round(share * short / quantum) * quantum))
    return round(full[0] * side / short), round(full[1] * side / short)


def work(full: Size, start: float, progress: float) -> float:
    """What a step costs, as a share of one with whole images: convolutions go with the area."""
    height, width = size(full, start, progress)
    return height * width / (full[0] * full[1])


def ahead(full: Size, start: float, progress: float) -> float:
    """The mean of `work` from `progress` to the end."""
    if start >= 1 or progress >= GROWN:
        return 1.0
    left = 1 - progress
    return fmean(work(full, start, progress + left * (at + 0.5) / POINTS) for at in range(POINTS))


@torch.no_grad()
def misfit(module: nn.Module, channels: int, full: Size, start: float) -> Size | None:
    """A size on the way to `full` that the module cannot compute; None where it can all."""
    device = next(module.parameters()).device
    mode = module.training
    module.eval()
    try:
        for small in {size(full, start, at / POINTS * GROWN): None for at in range(POINTS)}:
            try:
                module(torch.zeros(1, channels, *small, device=device))
            except RuntimeError:
                return small
    finally:
        module.train(mode)
    return None
