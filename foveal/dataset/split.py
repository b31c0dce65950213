"""Train, val and test for images that come without: leak-proof, stable, stratified.

Every image has a position in 0..1, a hash of its content (of its group's name, where it has one);
train is the lower end, then val, then test. So an image stays in its split when others are added,
and the seed of a run does not move it. Only where a class of MIN_STRATIFIED_IMAGES or more would be
off its share by more than SHARE_TOLERANCE, the boundary moves to the nearest image that corrects
it. Duplicates and near duplicates share one position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.decoded_images import DecodedImages
from foveal.dataset.scan.duplicates import (
    DuplicatePairs,
    connected_components,
    connected_groups,
    find_duplicates,
)
from foveal.dataset.scan.scan import Scan, scan_images
from foveal.dataset.types import Split
from foveal.errors import DataError
from foveal.progress import Progress, silent
from foveal.text import name_bytes

DEFAULT_SHARES = (0.70, 0.15, 0.15)
"""Train, val and test where DATA has no split."""
VAL_SHARE, MAX_VAL_IMAGES, MIN_CLASS_IMAGES_FOR_VAL = 0.10, 5_000, 5
"""Of train, where DATA has train and test; no val made here has more: each epoch scores it."""
TEST_SHARE = 0.15
"""Of train, where DATA has train and val."""
SHARE_TOLERANCE = 0.025
MIN_STRATIFIED_IMAGES = 100
MIN_CHAIN_IMAGES, MIN_CHAIN_SHARE = 20, 0.01


def assign_splits(
    dataset: Dataset,
    *,
    scan: Scan | None = None,
    duplicates: DuplicatePairs | None = None,
    decoded: DecodedImages | None = None,
    progress: Progress = silent,
) -> tuple[Split, ...]:
    """A split for every row: that of DATA where it has one, else one computed here.

    Without any: 70/15/15, val with at most 5,000. Without val: a tenth of train, at most 5,000.
    Without test: 15 % of train, none of them a duplicate of an image in val. Images that cannot be
    read are assigned to train; the pixel cache leaves them out.
    scan, duplicates: of all rows, where they are known already.
    decoded: keeps the pixels of small images that are scanned now.
    Raises DataError where there is no train, or only some rows have a split.
    """
    existing = set(dataset.splits)
    if existing == {"train", "val", "test"}:
        return tuple(split for split in dataset.splits if split is not None)
    problem = find_split_problem(dataset)
    if problem is not None:
        raise DataError(problem[1])
    pool = [row for row, split in enumerate(dataset.splits) if split != "test"]
    if scan is None:
        scan, duplicates = scan_images(dataset, pool, decoded=decoded, progress=progress), None
    elif len(pool) < len(dataset):
        scan, duplicates = scan.of_rows(pool), None
    shares = _target_shares(existing, len(scan.rows))
    assigned = _assign(dataset, scan, duplicates or find_duplicates(scan), shares)
    return tuple(assigned.get(row, split or "train") for row, split in enumerate(dataset.splits))


def find_split_problem(dataset: Dataset) -> tuple[str, str] | None:
    """An identifier and a sentence where the splits that DATA gives cannot be used, else None."""
    existing = set(dataset.splits)
    if None in existing and len(existing) > 1:
        missing = sum(split is None for split in dataset.splits)
        return "some_splits", (
            f"{missing} of {len(dataset)} images of {dataset.root} have no split; give every "
            "image one, or none"
        )
    if existing and None not in existing and "train" not in existing:
        return "no_train", (
            f"no train in {dataset.root}, only {' and '.join(sorted(map(str, existing)))}; "
            "name the images to train on train"
        )
    return None


@dataclass(frozen=True)
class _Shares:
    """Target shares of train, val and test.

    A class with fewer than `min_class_images` stays in train; val has at most `max_val_images`.
    """

    train: float
    val: float
    test: float
    min_class_images: int = 2
    max_val_images: int | None = None


def _target_shares(existing: set[Split | None], count: int) -> _Shares:
    most = MAX_VAL_IMAGES / max(1, count)
    if existing <= {None} or existing == {"train"}:
        _, val, test = DEFAULT_SHARES
        val = min(val, most)
        return _Shares(1 - val - test, val, test, max_val_images=MAX_VAL_IMAGES)
    if "val" in existing:
        return _Shares(1 - TEST_SHARE, 0.0, TEST_SHARE)
    val = min(VAL_SHARE, most)
    return _Shares(1 - val, val, 0.0, MIN_CLASS_IMAGES_FOR_VAL, MAX_VAL_IMAGES)


@dataclass(frozen=True)
class _Unit:
    """Images that stay together: their position in 0..1, their class and their rows."""

    position: float
    label: str
    rows: tuple[int, ...]


def _assign(
    dataset: Dataset, scan: Scan, duplicates: DuplicatePairs, shares: _Shares
) -> dict[int, Split]:
    """The split of each scanned row, but for those that stay together with an image of val."""
    counts = Counter(
        label for row in scan.rows if dataset.splits[row] != "val" for label in dataset.labels[row]
    )
    by_class: dict[str, list[_Unit]] = {}
    units = _units(dataset, scan, duplicates, counts)
    for unit in sorted(units, key=lambda unit: (unit.position, unit.rows)):
        if all(dataset.splits[row] != "val" for row in unit.rows):
            by_class.setdefault(unit.label, []).append(unit)
    assigned: dict[int, Split] = {}
    for members in by_class.values():
        train_end, val_end = _boundaries(members, shares)
        for index, unit in enumerate(members):
            split: Split = "train" if index < train_end else "val" if index < val_end else "test"
            assigned.update(dict.fromkeys(unit.rows, split))
    if shares.max_val_images is not None:
        _limit_val(assigned, by_class, shares.max_val_images)
    return assigned


def _units(
    dataset: Dataset, scan: Scan, duplicates: DuplicatePairs, counts: Counter[str]
) -> list[_Unit]:
    content = dict(zip(scan.rows.tolist(), scan.content_hashes.tolist(), strict=True))
    _, near = divide_chains(dataset, duplicates, counts)
    roots = connected_components(
        len(dataset), duplicates.exact, near, _group_pairs(dataset, scan.rows)
    ).tolist()
    members: dict[int, list[int]] = {}
    for row in scan.rows.tolist():
        members.setdefault(roots[row], []).append(row)
    units = []
    for rows in members.values():
        rows.sort(key=content.__getitem__)
        groups = sorted({group for row in rows if (group := dataset.groups[row]) is not None})
        key = f"group {groups[0]}" if groups else f"content {content[rows[0]]}"
        labels = dataset.labels[rows[0]]
        rarest = min(labels, key=lambda name: (counts[name], name)) if labels else ""
        units.append(_Unit(_position(key), rarest, tuple(rows)))
    return units


def _position(key: str) -> float:
    digest = blake2b(name_bytes(key), digest_size=8, person=b"foveal-split")
    return int.from_bytes(digest.digest(), "little") / 2**64


def _group_pairs(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    first: dict[str, int] = {}
    pairs = []
    for row in rows.tolist():
        group = dataset.groups[row]
        if group is not None:
            pairs.append((first.setdefault(group, row), row))
    return np.array(pairs, np.int64).reshape(-1, 2)


def divide_chains(
    dataset: Dataset, duplicates: DuplicatePairs, counts: Counter[str]
) -> tuple[list[list[int]], NDArray[np.int64]]:
    """Groups of near duplicates too large to be one image, as rows; the pairs int64 (P, 2) outside.

    These are larger than MIN_CHAIN_IMAGES and MIN_CHAIN_SHARE of their class.
    """
    chains = []
    for rows in connected_groups(len(dataset), duplicates.near):
        class_images = max((counts[label] for label in dataset.labels[rows[0]]), default=0)
        if len(rows) > max(MIN_CHAIN_IMAGES, MIN_CHAIN_SHARE * class_images):
            chains.append(rows)
    chained = {row for rows in chains for row in rows}
    pairs = [pair for pair in duplicates.near.tolist() if pair[0] not in chained]
    return chains, np.array(pairs, np.int64).reshape(-1, 2)


def _boundaries(units: Sequence[_Unit], shares: _Shares) -> tuple[int, int]:
    """How many units of a class, sorted by position, go to train, and to train and val together."""
    sizes = np.array([len(unit.rows) for unit in units])
    total = int(sizes.sum())
    cumulative = np.concatenate([[0], np.cumsum(sizes)])
    positions = np.array([unit.position for unit in units])
    ends = (shares.train, shares.train + shares.val)
    train, val = (int(cumulative[np.searchsorted(positions, end)]) for end in ends)
    if total >= MIN_STRATIFIED_IMAGES:
        train, val = _within_tolerance(train, val, total, shares)
    train_end, val_end = (int(np.abs(cumulative - images).argmin()) for images in (train, val))
    if shares.test == 0:
        val_end = len(units)
    if shares.val == 0:
        val_end = train_end
    return _one_unit_each(train_end, val_end, len(units), total, shares)


def _within_tolerance(train: int, val: int, total: int, shares: _Shares) -> tuple[int, int]:
    """Boundaries in images, moved until no split is off its share by more than the tolerance."""
    tolerance = SHARE_TOLERANCE * total
    train = _clip(train, shares.train * total, tolerance)
    val = _clip(val, (shares.train + shares.val) * total, tolerance)
    excess = (val - train) - shares.val * total
    over = np.sign(excess) * max(0.0, abs(excess) - tolerance)
    return round(train + over / 2), round(val - over / 2)


def _clip(value: int, centre: float, tolerance: float) -> int:
    return int(min(max(value, np.ceil(centre - tolerance)), np.floor(centre + tolerance)))


def _one_unit_each(
    train_end: int, val_end: int, count: int, total: int, shares: _Shares
) -> tuple[int, int]:
    """Move the boundaries so that every split has a unit: train first, then val, then test."""
    if total < shares.min_class_images:
        return count, count
    needs_val = int(shares.val > 0 and count > 1)
    needs_test = int(shares.test > 0 and count > 1 + needs_val)
    if not needs_test:
        val_end = count
    val_end = min(max(val_end, 1 + needs_val), count - needs_test)
    train_end = min(max(train_end, 1), val_end - needs_val)
    return train_end, val_end


def _limit_val(
    assigned: dict[int, Split], by_class: dict[str, list[_Unit]], max_images: int
) -> None:
    """Return the val units nearest to train until val fits; each class keeps one."""
    count = sum(split == "val" for split in assigned.values())
    remaining = {
        label: sum(assigned[unit.rows[0]] == "val" for unit in units)
        for label, units in by_class.items()
    }
    units = [unit for members in by_class.values() for unit in members]
    for unit in sorted(units, key=lambda unit: unit.position):
        if count <= max_images:
            return
        if assigned[unit.rows[0]] == "val" and remaining[unit.label] > 1:
            assigned.update(dict.fromkeys(unit.rows, "train"))
            remaining[unit.label] -= 1
            count -= len(unit.rows)
