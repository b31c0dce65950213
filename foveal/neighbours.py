"""Nearest neighbours among vectors by cosine distance: exact, in blocks, in numpy.

The distance is 1 - cosine similarity: 0 for the same direction, 1 for none in common, 2 for the
opposite. A vector of zeros has distance 1 to every other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
_BLOCK_VALUES = 1 << 24
"""Similarities computed at a time: 64 MiB."""
_BLOCK_ROWS = 4096


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """float32 (N, D): every row divided by its length; a row of zeros stays."""
    scaled = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        values = np.asarray(vectors[block], np.float64)
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        scaled[block] = values / np.where(lengths > 0, lengths, 1)
    return scaled


def nearest(
    queries: Vectors, vectors: Vectors, count: int, *, same: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Distances float32 (Q, K) and indices int64 (Q, K) of the `count` nearest rows of `vectors`.

    Both hold rows of `unit_rows`. The nearest comes first; of equal ones the smaller index. K is
    less than `count` where there are fewer. same: queries are the vectors themselves, and none is
    its own neighbour.
    """
    count = max(0, min(count, len(vectors) - same))
    distances = np.empty((len(queries), count), np.float32)
    indices = np.empty((len(queries), count), np.int64)
    step = max(1, _BLOCK_VALUES // max(1, len(vectors)))
    for start in range(0, len(queries) if count else 0, step):
        block = slice(start, start + step)
        similarity = queries[block] @ vectors.T
        if same:
            rows = np.arange(len(similarity))
            similarity[rows, start + rows] = -np.inf
        distances[block], indices[block] = _smallest(1 - similarity, count)
    return distances, indices


def _smallest(
    distances: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The `count` smallest of each row, in order, with their columns."""
    columns = np.argpartition(distances, count - 1, axis=1)[:, :count]
    columns.sort(axis=1)
    values = np.take_along_axis(distances, columns, axis=1).clip(0, 2)
    order = np.argsort(values, axis=1, kind="stable")
    return np.take_along_axis(values, order, 1), np.take_along_axis(columns, order, 1)
