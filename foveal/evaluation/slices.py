"""Where the model is weak: accuracy by size, aspect, brightness and every extra column.

Knows nothing of files; measures come in as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from foveal.evaluation.bootstrap import percentile, share, weights
from foveal.evaluation.predictions import Bools, Floats, Predictions
from foveal.evaluation.schema import Slice
from foveal.intervals import Interval

LEAST = 10
"""Slices of fewer images say nothing and are left out."""
PARTS = 4
"""Ranges a measure is cut into, of about equally many images."""
MANY = 20
"""A column of text with more values than this is not cut."""


def slices(
    answers: Predictions, measures: Mapping[str, Floats], columns: Mapping[str, Sequence[str]]
) -> tuple[Slice, ...]:
    """Slices by each measure (N,) and column (N,), worst accuracy first, with 95 % intervals."""
    cuts = [
        (name, value, rows) for name, values in measures.items() for value, rows in ranges(values)
    ]
    for name, texts in columns.items():
        cuts += [(name, value, rows) for value, rows in _values(texts)]
    cuts = [cut for cut in cuts if LEAST <= cut[2].sum() < len(answers)]
    if not cuts:
        return ()
    spread = _spread(answers, np.stack([rows for _, _, rows in cuts]))
    whole = float(answers.correct.mean())
    found = [
        Slice(
            by=name,
            value=value,
            n=int(rows.sum()),
            accuracy=float(answers.correct[rows].mean()),
            interval=interval,
            difference=float(answers.correct[rows].mean()) - whole,
        )
        for (name, value, rows), interval in zip(cuts, spread, strict=True)
    ]
    return tuple(sorted(found, key=lambda part: (part.accuracy, part.interval[1])))


def ranges(values: Floats) -> list[tuple[str, Bools]]:
    """Up to four ranges of about equally many images, as (text, rows)."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, PARTS + 1)))
    if len(edges) < 2:
        return []
    found = []
    for low, high in pairwise(edges):
        rows = (values >= low) & ((values < high) if high < edges[-1] else (values <= high))
        found.append((f"{low:.4g} to {high:.4g}", rows))
    return found


def _values(texts: Sequence[str]) -> list[tuple[str, Bools]]:
    """A column's values as slices; a column of many numbers is cut into ranges."""
    column = np.array(texts, dtype=object)
    names = sorted({str(text) for text in texts})
    if len(names) <= MANY:
        return [(name, column.astype(str) == name) for name in names]
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        return []
    return ranges(numbers) if np.isfinite(numbers).all() else []


def _spread(answers: Predictions, rows: Bools) -> list[Interval]:
    """The interval of the accuracy in each of the (S, N) slices."""
    there = rows.astype(np.float32).T
    right = there * answers.correct[:, None]
    values = [
        np.divide(block @ right, block @ there, out=np.full((len(block), len(rows)), np.nan),
                  where=block @ there > 0)
        for block in weights(len(answers), answers.groups)
    ]  # fmt: skip
    columns = np.concatenate(values).astype(np.float64).T
    found: list[Interval] = []
    for column, inside in zip(columns, rows, strict=True):
        total, hits = int(inside.sum()), int(answers.correct[inside].sum())
        units = total if answers.groups is None else len(np.unique(answers.groups[inside]))
        found.append(share(column, hits, total, units) or percentile(column) or (0.0, 1.0))
    return found
