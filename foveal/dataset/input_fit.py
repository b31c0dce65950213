"""Whether images suit the input of a network: what it loses of their colour and of their size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from foveal.dataset.dataset import Dataset
from foveal.dataset.stats import measure_sample
from foveal.spec.preprocess import Input

SMALL_SIDE_PX = 32
"""Shorter sides of inputs below which images are looked at."""
MIN_REDUCTION = 4
"""Times the images' shorter side is that of a small input, from which it is told."""


def input_warnings(
    dataset: Dataset, rows: Sequence[int], input: Input, *, most: int = 64
) -> Iterator[str]:
    """A sentence on colour that is lost, one on size.

    rows: those of the images to sample `most` of; an input that loses neither opens none.
    """
    small = min(input.height, input.width)
    if input.channels != 1 and small >= SMALL_SIDE_PX:
        return
    measured = measure_sample(dataset, rows, most)
    coloured = sum(grey is False for _, _, grey in measured)
    if input.channels == 1 and coloured:
        yield (
            f"{coloured} of {len(measured)} sampled images have colour, but the network has one "
            "channel and reads them as grey; where colour tells the classes apart, take a network "
            "of three channels"
        )
    side = round(median(min(width, height) for width, height, _ in measured)) if measured else 0
    if small < SMALL_SIDE_PX and side >= MIN_REDUCTION * small:
        yield (
            f"the sampled images have {side} pixels on their shorter side (median), but the "
            f"network reads them at {input.height}x{input.width}, where little of them is left; "
            "take a network of a larger input, such as foveal design gives"
        )
