"""Which images are one image: exact by decoded pixels, near by hash and aligned pixels.

Knows nothing of labels or splits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.scan import image_stats
from foveal.dataset.scan.near_duplicates import find_near_duplicates
from foveal.dataset.scan.scan import Scan

Pairs = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DuplicatePairs:
    """exact, near: int64 (P, 2) pairs of rows of the listing; exact pairs chain a whole group."""

    exact: Pairs
    near: Pairs


def find_duplicates(seen: Scan) -> DuplicatePairs:
    """Pairs among the scanned images; time grows as their number (times its logarithm)."""
    pairs = find_near_duplicates(
        seen.thumbnails,
        seen.measures[seen.thumbnail_indices, image_stats.RED : image_stats.BLUE + 1],
    )
    left, right = seen.thumbnail_indices[pairs[:, 0]], seen.thumbnail_indices[pairs[:, 1]]
    other = seen.pixel_hashes[left] != seen.pixel_hashes[right]
    near = np.stack([seen.rows[left[other]], seen.rows[right[other]]], axis=1)
    return DuplicatePairs(_exact(seen), near)


def _exact(seen: Scan) -> Pairs:
    order = np.argsort(seen.pixel_hashes, kind="stable")
    same = seen.pixel_hashes[order[:-1]] == seen.pixel_hashes[order[1:]]
    return np.stack([seen.rows[order[:-1][same]], seen.rows[order[1:][same]]], axis=1)


def connected_components(count: int, *pairs: Pairs) -> NDArray[np.int64]:
    """int64 (count,): for each row the least row of its group, pairs chained."""
    parent = np.arange(count, dtype=np.int64)

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    for some in pairs:
        for left, right in some.tolist():
            a, b = root(left), root(right)
            parent[max(a, b)] = min(a, b)
    return np.array([root(row) for row in range(count)], np.int64)
