"""Train, val and test for images that come without: leak-proof, stable, stratified.

Knows nothing of networks or training; the seed of a run does not move an image.

An image's place on the line 0..1 is a hash of its content (of its group's name, where it has
one); train is the lower end, then val, then test. So it stays where it is when others come.
Only where a class of 100 or more would be off its share by more than TOLERANCE, the cut moves to
the nearest image that mends it. Duplicates and near duplicates share one place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.duplicates import DuplicatePairs, connected_components, find_duplicates
from foveal.dataset.scan.scan import Scan, scan_images
from foveal.dataset.types import Split
from foveal.errors import DataError
from foveal.progress import Progress, silent

DEFAULT_SHARES = (0.70, 0.15, 0.15)
VAL_SHARE, MAX_VAL_IMAGES, MIN_CLASS_IMAGES_FOR_VAL = 0.10, 5_000, 5
TEST_SHARE = 0.15
SHARE_TOLERANCE = 0.025
MIN_STRATIFIED_IMAGES = 100
MIN_CHAIN_IMAGES, MIN_CHAIN_SHARE = 20, 0.01


def assign_splits(dataset: Dataset, *, progress: Progress = silent) -> tuple[Split, ...]:
    """A split for every row: the user's where given, else made here.

    Without any: 70/15/15. Without val: a tenth of train, at most 5,000. Without test: 15 % of
    train, none of them a duplicate of an image in val. Images that cannot be read are put in
    train, where the store leaves them out.
    Raises DataError where there is no train, or only some rows have a split.
    """
    given = set(dataset.splits)
    if given == {"train", "val", "test"}:
        return _given(dataset)
    if None in given and len(given) > 1:
        bare = sum(one is None for one in dataset.splits)
        raise DataError(
            f"{bare} of {len(dataset)} images of {dataset.root} have no split; give every "
            "image one, or none"
        )
    if given and None not in given and "train" not in given:
        raise DataError(
            f"{dataset.root} has no train, only {' and '.join(sorted(map(str, given)))}; "
            "name the images to train on train"
        )
    pool = [row for row, one in enumerate(dataset.splits) if one != "test"]
    seen = scan_images(dataset, pool, progress=progress)
    moved = _moved(dataset, seen, find_duplicates(seen), _shares(given, len(seen.rows)))
    return tuple(moved.get(row, one or "train") for row, one in enumerate(dataset.splits))


def _given(dataset: Dataset) -> tuple[Split, ...]:
    return tuple(one for one in dataset.splits if one is not None)


@dataclass(frozen=True)
class _Shares:
    """Shares of train, val, test of the pool; a class under `least` images is not cut for val."""

    train: float
    val: float
    test: float
    least: int = 2
    most_val: int | None = None


def _shares(given: set[Split | None], count: int) -> _Shares:
    if given <= {None} or given == {"train"}:
        return _Shares(*DEFAULT_SHARES)
    if "val" in given:
        return _Shares(1 - TEST_SHARE, 0.0, TEST_SHARE)
    share = min(VAL_SHARE, MAX_VAL_IMAGES / max(1, count))
    return _Shares(1 - share, share, 0.0, MIN_CLASS_IMAGES_FOR_VAL, MAX_VAL_IMAGES)


@dataclass(frozen=True)
class _Unit:
    """Images that stay together: their place on the line, their class and their rows."""

    place: float
    label: str
    rows: tuple[int, ...]


def _moved(dataset: Dataset, seen: Scan, same: DuplicatePairs, shares: _Shares) -> dict[int, Split]:
    counts = Counter(
        label for row in seen.rows if dataset.splits[row] != "val" for label in dataset.labels[row]
    )
    units = _units(dataset, seen, same, counts)
    by_class: dict[str, list[_Unit]] = {}
    for unit in sorted(units, key=lambda one: (one.place, one.rows)):
        if all(dataset.splits[row] != "val" for row in unit.rows):  # else it stays as it is
            by_class.setdefault(unit.label, []).append(unit)
    answer: dict[int, Split] = {}
    for members in by_class.values():
        first, second = _cuts(members, shares)
        for place, unit in enumerate(members):
            where: Split = "train" if place < first else "val" if place < second else "test"
            answer.update(dict.fromkeys(unit.rows, where))
    if shares.most_val is not None:
        _trim(answer, by_class, shares.most_val)
    return answer


def _units(dataset: Dataset, seen: Scan, same: DuplicatePairs, counts: Counter[str]) -> list[_Unit]:
    content = dict(zip(seen.rows.tolist(), seen.content_hashes.tolist(), strict=True))
    roots = connected_components(
        len(dataset), same.exact, _unchained(dataset, same, counts), _grouped(dataset, seen.rows)
    )
    members: dict[int, list[int]] = {}
    for row in seen.rows.tolist():
        members.setdefault(int(roots[row]), []).append(row)
    units = []
    for rows in members.values():
        rows.sort(key=content.__getitem__)
        names = sorted({name for row in rows if (name := dataset.groups[row]) is not None})
        key = f"group {names[0]}" if names else f"content {content[rows[0]]}"
        labels = dataset.labels[rows[0]]
        label = min(labels, key=lambda name: (counts[name], name)) if labels else ""
        units.append(_Unit(_place(key), label, tuple(rows)))
    return units


def _place(key: str) -> float:
    digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8, person=b"foveal-split")
    return int.from_bytes(digest.digest(), "little") / 2**64


def _grouped(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    first: dict[str, int] = {}
    pairs = []
    for row in rows.tolist():
        name = dataset.groups[row]
        if name is not None:
            pairs.append((first.setdefault(name, row), row))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _unchained(dataset: Dataset, same: DuplicatePairs, counts: Counter[str]) -> NDArray[np.int64]:
    """The near pairs without those of chains too long to be one image."""
    long = {row for chain in find_chains(dataset, same, counts) for row in chain}
    keep = [pair for pair in same.near.tolist() if pair[0] not in long]
    return np.array(keep, np.int64).reshape(-1, 2)


def find_chains(dataset: Dataset, same: DuplicatePairs, counts: Counter[str]) -> list[list[int]]:
    """Groups of near duplicates larger than max(20, 1 % of their class), as rows."""
    roots = connected_components(len(dataset), same.near)
    members: dict[int, list[int]] = {}
    for row in sorted(set(same.near.ravel().tolist())):
        members.setdefault(int(roots[row]), []).append(row)
    return [
        rows for rows in members.values()
        if len(rows) > max(MIN_CHAIN_IMAGES, MIN_CHAIN_SHARE * max(
            (counts[label] for label in dataset.labels[rows[0]]), default=0))
    ]  # fmt: skip


def _cuts(units: Sequence[_Unit], shares: _Shares) -> tuple[int, int]:
    """How many units of a class, sorted by place, go to train, and to train and val together."""
    sizes = np.array([len(unit.rows) for unit in units])
    total, number = int(sizes.sum()), len(units)
    upto = np.concatenate([[0], np.cumsum(sizes)])
    places = np.array([unit.place for unit in units])
    ends = (shares.train, shares.train + shares.val)
    first, second = (int(upto[np.searchsorted(places, end)]) for end in ends)
    if total >= MIN_STRATIFIED_IMAGES:
        slack = SHARE_TOLERANCE * total
        first = _within(first, ends[0] * total, slack)
        second = _within(second, ends[1] * total, slack)
        excess = (second - first) - shares.val * total
        over = np.sign(excess) * max(0.0, abs(excess) - slack)
        first, second = round(first + over / 2), round(second - over / 2)
    cut, end = (int(np.abs(upto - wanted).argmin()) for wanted in (first, second))
    if shares.test == 0:
        end = number
    if shares.val == 0:
        end = cut
    return _each_one(cut, end, number, total, shares)


def _within(value: int, middle: float, slack: float) -> int:
    return int(min(max(value, np.ceil(middle - slack)), np.floor(middle + slack)))


def _each_one(cut: int, end: int, number: int, total: int, shares: _Shares) -> tuple[int, int]:
    """The cuts moved so that every split has one unit, train first, then val, then test."""
    if total < shares.least:
        return number, number
    wants_val = int(shares.val > 0 and number > 1)
    wants_test = int(shares.test > 0 and number > 1 + wants_val)
    if not wants_test:
        end = number
    end = min(max(end, 1 + wants_val), number - wants_test)
    cut = min(max(cut, 1), end - wants_val)
    return cut, end


def _trim(answer: dict[int, Split], by_class: dict[str, list[_Unit]], most: int) -> None:
    """Give the val units nearest to train back until val is small enough; each class keeps one."""
    count = sum(where == "val" for where in answer.values())
    left = {
        label: sum(answer[u.rows[0]] == "val" for u in units) for label, units in by_class.items()
    }
    for unit in sorted((u for units in by_class.values() for u in units), key=lambda u: u.place):
        if count <= most:
            return
        if answer[unit.rows[0]] == "val" and left[unit.label] > 1:
            answer.update(dict.fromkeys(unit.rows, "train"))
            left[unit.label] -= 1
            count -= len(unit.rows)
