"""Clusters of vectors: k-means on their directions, numbered from the largest to the smallest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.errors import MissingExtra, UsageError

_STARTS = 10
"""Runs of k-means from different first centres; the best is kept."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """indices: int64 (N,) cluster of each vector, 0 the largest.

    distances: float32 (N,) cosine distance to the centre of its cluster.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float32]


def find_clusters(units: NDArray[np.float32], count: int) -> Clusters:
    """`count` clusters of the rows of `unit_rows`, float32 (N, D); the same input gives the same.

    k-means++ and Lloyd's algorithm (Arthur and Vassilvitskii 2007) with scikit-learn. Raises
    UsageError where there are not as many different vectors, MissingExtra without scikit-learn.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingExtra("finding clusters", "eval") from error
    different = len(np.unique(units, axis=0))
    if not 1 <= count <= different:
        raise UsageError(
            f"--clusters is {count}, and {len(units)} images can be read, {different} of them "
            f"different; give a whole number from 1 to {different}"
        )
    means = KMeans(count, n_init=_STARTS, random_state=0).fit(units.astype(np.float64))
    return _ordered(units, means.labels_.astype(np.int64), count)


def _ordered(units: NDArray[np.float32], labels: NDArray[np.int64], count: int) -> Clusters:
    """Renumbered by size; of equal sizes the cluster of the earlier image comes first."""
    sizes = np.bincount(labels, minlength=count)
    first = np.array([np.argmax(labels == cluster) for cluster in range(count)])
    order = np.lexsort((first, -sizes))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    indices = rank[labels]
    centres = np.stack([units[indices == cluster].mean(0) for cluster in range(count)])
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    centres = centres / np.where(lengths > 0, lengths, 1)
    distances = (1 - (units * centres[indices]).sum(1)).clip(0, 2).astype(np.float32)
    return Clusters(indices, distances)
