"""Exact duplicates by decoded pixels, near duplicates by hashes and aligned thumbnails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.scan import image_stats
from foveal.dataset.scan.near_duplicates import Pairs, find_near_duplicates
from foveal.dataset.scan.scan import Scan


@dataclass(frozen=True, eq=False)
class DuplicatePairs:
    """exact, near: int64 (P, 2) pairs of rows of the data set; exact pairs chain a whole group."""

    exact: Pairs
    near: Pairs


def find_duplicates(scan: Scan) -> DuplicatePairs:
    """Pairs among the N scanned images, in O(N log N)."""
    colours = scan.measures[scan.thumbnail_indices, image_stats.RED : image_stats.BLUE + 1]
    pairs = scan.thumbnail_indices[find_near_duplicates(scan.thumbnails, colours)]
    left, right = pairs[:, 0], pairs[:, 1]
    differ = scan.pixel_hashes[left] != scan.pixel_hashes[right]
    near = np.stack([scan.rows[left[differ]], scan.rows[right[differ]]], axis=1)
    return DuplicatePairs(_exact_pairs(scan), near)


def _exact_pairs(scan: Scan) -> Pairs:
    order = np.argsort(scan.pixel_hashes, kind="stable")
    same = scan.pixel_hashes[order[:-1]] == scan.pixel_hashes[order[1:]]
    return np.stack([scan.rows[order[:-1][same]], scan.rows[order[1:][same]]], axis=1)


def connected_groups(count: int, pairs: Pairs) -> list[list[int]]:
    """The rows that pairs connect, group by group, of `count` rows; rows without a pair in none."""
    roots = connected_components(count, pairs)
    groups: dict[int, list[int]] = {}
    for row in np.unique(pairs).tolist():
        groups.setdefault(int(roots[row]), []).append(row)
    return list(groups.values())


def connected_components(count: int, *pairs: Pairs) -> NDArray[np.int64]:
    """int64 (count,): for each row the smallest row that pairs connect it with."""
    parent = list(range(count))  # numbers of a list are read five times as fast as an array's

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for array in pairs:
        for left, right in array.tolist():
            a, b = root(left), root(right)
            parent[max(a, b)] = min(a, b)
    return np.array([root(row) for row in range(count)], np.int64)
