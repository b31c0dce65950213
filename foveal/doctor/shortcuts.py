"""Shortcuts: whether the label can be predicted from size, shape, brightness or the file alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.scan import image_stats
from foveal.dataset.scan.scan import Scan

N_BINS = 16
MIN_IMAGES = 40
"""With fewer images the accuracy is not significant."""
MIN_MARGIN = 0.25
"""A shortcut: balanced accuracy beyond this share of the way from chance to 1."""


@dataclass(frozen=True)
class Shortcut:
    """`attribute` alone predicts the label with balanced `accuracy`; chance: 1 / its classes."""

    attribute: str
    accuracy: float
    chance: float


def find_shortcuts(scan: Scan, labels: NDArray[np.int64], n_classes: int) -> list[Shortcut]:
    """Attributes that predict the label; labels: int64 (N,) class indices of the scanned images.

    One half of the images (by content hash) fits a table from bins to the most over-represented
    class, the other half tests it; classes that only one half has are left out.
    """
    fit = (scan.content_hashes & np.uint64(1)).astype(bool)
    in_half = [np.bincount(labels[half], minlength=n_classes) > 0 for half in (fit, ~fit)]
    classes = np.flatnonzero(in_half[0] & in_half[1])
    if np.isin(labels, classes).sum() < MIN_IMAGES or len(classes) < 2:
        return []
    chance = 1 / len(classes)
    shortcuts = []
    for attribute, bins in _attributes(scan):
        accuracy = _balanced_accuracy(bins, labels, fit, classes)
        if accuracy > chance + MIN_MARGIN * (1 - chance):
            shortcuts.append(Shortcut(attribute, accuracy, chance))
    return shortcuts


def _attributes(scan: Scan) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Name and bin of each image, int64 (N,)."""
    width, height = scan.sizes[:, 0].astype(float), scan.sizes[:, 1].astype(float)
    measures = scan.measures
    yield "the size of the image", _joint(_binned(width), _binned(height))
    yield "the shape (width by height)", _binned(width / height)
    brightness = _binned(measures[:, image_stats.BRIGHTNESS], 8)
    yield "the brightness", _joint(brightness, _binned(measures[:, image_stats.CONTRAST], 4))
    formats = measures[:, image_stats.FORMAT_INDEX].astype(np.int64)
    bytes_per_pixel = measures[:, image_stats.FILE_BYTES] / (width * height)
    yield "the file (format, bytes a pixel)", _joint(formats, _binned(bytes_per_pixel))


def _binned(values: NDArray[np.floating], bins: int = N_BINS) -> NDArray[np.int64]:
    """Quantile bins of about equal counts; equal values always share one."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _joint(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    return first * (int(second.max()) + 1) + second


def _balanced_accuracy(
    bins: NDArray[np.int64],
    labels: NDArray[np.int64],
    fit: NDArray[np.bool_],
    classes: NDArray[np.int64],
) -> float:
    """On the images that are not in `fit`; classes: those that both halves have."""
    n_classes = int(labels.max()) + 1
    counts = np.zeros((int(bins.max()) + 1, n_classes))
    np.add.at(counts, (bins[fit], labels[fit]), 1)
    counts = counts[:, classes]
    predicted = classes[((counts + 1e-3) / counts.sum(0)).argmax(1)][bins[~fit]]
    truth = labels[~fit]
    correct = np.bincount(truth[predicted == truth], minlength=n_classes)[classes]
    return float((correct / np.bincount(truth, minlength=n_classes)[classes]).mean())
