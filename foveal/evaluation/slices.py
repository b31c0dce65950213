"""Accuracy on parts of the images: by size, aspect, brightness and every extra column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from foveal.evaluation.bootstrap import percentile_interval, proportion_interval, resample_weights
from foveal.evaluation.predictions import BoolArray, FloatArray, Predictions
from foveal.evaluation.schema import Slice
from foveal.intervals import Interval

MIN_SLICE_IMAGES = 10
MAX_RANGES = 4
"""Ranges a numeric attribute is divided into, of about equally many images."""
MAX_COLUMN_VALUES = 20
"""A column of text with more different values than this is left out."""


def score_slices(
    predictions: Predictions,
    properties: Mapping[str, FloatArray],
    columns: Mapping[str, Sequence[str]],
) -> tuple[Slice, ...]:
    """Slices by each property (N,) and column (N,), worst accuracy first, with 95 % intervals."""
    masks = [
        (name, value, mask)
        for name, values in properties.items()
        for value, mask in quantile_ranges(values)
    ]
    for name, values in columns.items():
        masks += [(name, value, mask) for value, mask in _column_values(values)]
    masks = [part for part in masks if MIN_SLICE_IMAGES <= part[2].sum() < len(predictions)]
    if not masks:
        return ()
    intervals = _accuracy_intervals(predictions, np.stack([mask for _, _, mask in masks]))
    overall = float(predictions.correct.mean())
    slices = [
        Slice(
            attribute=name,
            value=value,
            n=int(mask.sum()),
            accuracy=float(predictions.correct[mask].mean()),
            accuracy_interval=interval,
            difference=float(predictions.correct[mask].mean()) - overall,
        )
        for (name, value, mask), interval in zip(masks, intervals, strict=True)
    ]
    return tuple(sorted(slices, key=lambda part: (part.accuracy, part.accuracy_interval[1])))


def quantile_ranges(values: FloatArray) -> list[tuple[str, BoolArray]]:
    """Up to four ranges of about equally many images, as (text, mask)."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, MAX_RANGES + 1)))
    if len(edges) < 2:
        return []
    masks = []
    for low, high in pairwise(edges):
        mask = (values >= low) & ((values < high) if high < edges[-1] else (values <= high))
        masks.append((f"{low:.4g} to {high:.4g}", mask))
    return masks


def _column_values(values: Sequence[str]) -> list[tuple[str, BoolArray]]:
    """A column's values with their masks; a column of many numbers is divided into ranges."""
    column = np.array(values, dtype=object)
    names = sorted({str(value) for value in values})
    if len(names) <= MAX_COLUMN_VALUES:
        return [(name, column.astype(str) == name) for name in names]
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        return []
    return quantile_ranges(numbers) if np.isfinite(numbers).all() else []


def _accuracy_intervals(predictions: Predictions, masks: BoolArray) -> list[Interval]:
    """The interval of the accuracy in each of the (S, N) slices."""
    resampled = _resampled_accuracies(predictions, masks)
    intervals: list[Interval] = []
    for values, mask in zip(resampled, masks, strict=True):
        total, correct = int(mask.sum()), int(predictions.correct[mask].sum())
        groups = predictions.groups
        units = total if groups is None else len(np.unique(groups[mask]))
        interval = proportion_interval(values, correct, total, units)
        intervals.append(interval or percentile_interval(values) or (0.0, 1.0))
    return intervals


def _resampled_accuracies(predictions: Predictions, masks: BoolArray) -> FloatArray:
    """(S, resamples) the accuracy in each slice; NaN where a resample has no image of it."""
    member = masks.astype(np.float32).T
    correct = member * predictions.correct[:, None]
    blocks = []
    for weights in resample_weights(len(predictions), predictions.groups):
        total = weights @ member
        undefined = np.full((len(weights), len(masks)), np.nan)
        blocks.append(np.divide(weights @ correct, total, out=undefined, where=total > 0))
    return np.concatenate(blocks).astype(np.float64).T
