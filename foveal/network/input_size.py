"""The size of a design's input, and how images of another shape are brought to it."""

from __future__ import annotations

from typing import Literal

from foveal.dataset.stats import Stats
from foveal.spec.preprocess import Input, Preprocess

MAX_NATIVE_SIDE_PX = 48
"""Images whose shorter side is at most this are used at their own size."""
MIN_SIDE_PX = 16
"""Shorter side below which the swift family's poolings leave nothing; such images are enlarged."""
CANDIDATE_SIDES_PX = (224, 192, 160, 128, 96, 64)
"""Shorter sides for larger images, best first."""
MAX_CROP_LOSS = 0.12
"""Fraction of an image's area that a crop may remove; a defect may lie there."""
MAX_SQUASH = 2.0
"""Times one side may be stretched against the other before shapes are distorted too much."""

Channels = Literal[1, 3]


def is_small(height: int, width: int) -> bool:
    """Whether images of these pixels are used at their own size."""
    return min(height, width) <= MAX_NATIVE_SIDE_PX


def candidate_sizes(stats: Stats, channels: Channels) -> tuple[list[Input], str]:
    """Input sizes for images with these statistics, best first, and the reason."""
    height, width = stats.height[1], stats.width[1]
    ratio = _aspect_ratio(stats)
    if is_small(height, width):
        enlarged = (
            f", enlarged to {MIN_SIDE_PX} pixels or more"
            if min(height, width) < MIN_SIDE_PX
            else ""
        )
        return [_native_size(height, width, ratio, channels)], (
            f"the median image has {height}x{width}{enlarged}"
        )
    sides = [side for side in CANDIDATE_SIDES_PX if side <= min(height, width)]
    sides = sides or [CANDIDATE_SIDES_PX[-1]]
    shape = (
        "square, because aspect ratios differ or are near 1"
        if ratio == 1
        else f"nearly all images have the aspect ratio {stats.aspect[1]:.2f} (width / height)"
    )
    reason = (
        f"{shape}; the largest side that fits the budget, not above the median image's "
        f"{height}x{width}"
    )
    return [_size_with_ratio(side, ratio, channels) for side in sides], reason


def _native_size(height: int, width: int, ratio: float, channels: Channels) -> Input:
    """The images' own size, square where aspects differ, a whole multiple if too small."""
    if ratio == 1:
        height = width = min(height, width)
    times = -(-MIN_SIDE_PX // min(height, width))
    return Input(height=height * times, width=width * times, channels=channels)


def _aspect_ratio(stats: Stats) -> float:
    """Width / height of the input: that of the images where they agree, else 1."""
    low, median, high = stats.aspect
    agree = high / low < 1.1
    return median if agree and not 1 / 1.15 < median < 1.15 and 0.4 < median < 2.5 else 1.0


def _size_with_ratio(side: int, ratio: float, channels: Channels) -> Input:
    longer = 16 * max(1, round(side * max(ratio, 1 / ratio) / 16))
    if ratio >= 1:
        return Input(height=side, width=longer, channels=channels)
    return Input(height=longer, width=side, channels=channels)


def choose_fit(
    stats: Stats, size: Input, max_crop_loss: float = MAX_CROP_LOSS
) -> tuple[Preprocess, str]:
    """How images of another aspect ratio become the input's: by what would be lost.

    max_crop_loss: fraction of an image's area that a crop may remove.
    """
    ratio = size.width / size.height
    stretch = max(max(one / ratio, ratio / one) for one in (stats.aspect[0], stats.aspect[2]))
    crop_loss = 1 - 1 / stretch
    reason = (
        f"a crop would remove at most {crop_loss:.0%} of the area of nine in ten images"
        if crop_loss >= 0.005
        else "the images have the input's aspect ratio, nothing is cropped"
    )
    if crop_loss <= max_crop_loss:
        return Preprocess(fit="crop"), f"preprocess.fit crop: {reason}"
    if stretch <= MAX_SQUASH:
        reason += f", a squash stretches them at most {stretch:.2f} times"
        return Preprocess(fit="squash"), f"preprocess.fit squash: {reason}"
    reason += (
        f", a squash would stretch them {stretch:.1f} times; padding fills at most {crop_loss:.0%}"
    )
    return Preprocess(fit="pad"), f"preprocess.fit pad: {reason}"
