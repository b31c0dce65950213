"""Shortcuts: whether the label can be told from size, shape, brightness or the file alone.

Knows nothing of what the images show: it never sees more than a few numbers an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.scan import image_stats
from foveal.dataset.scan.scan import Scan

BINS = 16
MIN_IMAGES = 40
"""Fewer images say nothing."""
MIN_MARGIN = 0.25
"""Suspicious: a quarter of the way from guessing to always right, in balanced accuracy."""


@dataclass(frozen=True)
class Shortcut:
    """The label is right in a share `accuracy` of images of a class (mean), by `what` alone."""

    attribute: str
    accuracy: float
    chance: float


def find_shortcuts(scan: Scan, labels: NDArray[np.int64], classes: int) -> list[Shortcut]:
    """Suspicious shortcuts; labels: int64 (N,) class numbers of the scanned images.

    Half of the images (by content hash) teach a table from bins to the most over-represented
    class, the other half tests it.
    """
    if len(labels) < MIN_IMAGES or classes < 2:
        return []
    chance = 1 / classes
    found = []
    for what, bins in _views(scan):
        accuracy = _probed(bins, labels, (scan.content_hashes & np.uint64(1)).astype(bool), classes)
        if accuracy > chance + MIN_MARGIN * (1 - chance):
            found.append(Shortcut(what, accuracy, chance))
    return found


def _views(scan: Scan) -> Iterator[tuple[str, NDArray[np.int64]]]:
    width, height = scan.sizes[:, 0].astype(float), scan.sizes[:, 1].astype(float)
    measures = scan.measures
    yield "the size of the image", _joint(_binned(width), _binned(height))
    yield "the shape (width by height)", _binned(width / height)
    yield "the brightness", _joint(_binned(measures[:, image_stats.BRIGHTNESS], 8),
                                   _binned(measures[:, image_stats.CONTRAST], 4))  # fmt: skip
    density = measures[:, image_stats.FILE_BYTES] / (width * height)
    yield (
        "the file (format, bytes a pixel)",
        _joint(measures[:, image_stats.FORMAT_INDEX].astype(np.int64), _binned(density)),
    )


def _binned(values: NDArray[np.floating], bins: int = BINS) -> NDArray[np.int64]:
    """Bins of about equal filling; equal values always share one."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _joint(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    return first * (int(second.max()) + 1) + second


def _probed(
    bins: NDArray[np.int64], labels: NDArray[np.int64], teach: NDArray[np.bool_], classes: int
) -> float:
    """Balanced accuracy on the half that does not teach; 0 where a class is not in both."""
    counts = np.zeros((int(bins.max()) + 1, classes))
    np.add.at(counts, (bins[teach], labels[teach]), 1)
    totals = counts.sum(0)
    there = np.bincount(labels[~teach], minlength=classes)
    if (totals == 0).any() or (there == 0).any():
        return 0.0
    answer = ((counts + 1e-3) / totals).argmax(1)
    right = np.bincount(labels[~teach][answer[bins[~teach]] == labels[~teach]], minlength=classes)
    return float((right / there).mean())
