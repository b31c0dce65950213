"""Findings about images that occur more than once: copies, leaks, label conflicts, chains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.duplicates import DuplicatePairs, connected_groups
from foveal.dataset.split import divide_chains
from foveal.doctor.findings import Finding


def duplicate_findings(
    dataset: Dataset, duplicates: DuplicatePairs, counts: Counter[str]
) -> Iterator[Finding]:
    """Findings about exact and near duplicates; counts: images of each class."""
    chains, near = divide_chains(dataset, duplicates, counts)
    yield from _copies(
        dataset,
        "duplicates",
        connected_groups(len(dataset), duplicates.exact),
        "The same pixels more than once: keep one of each. Foveal never divides them between two "
        "splits it makes.",
    )
    yield from _copies(
        dataset,
        "near_duplicates",
        connected_groups(len(dataset), near),
        "The same image encoded again, resized or slightly cropped: keep one of each. Foveal never "
        "divides them between two splits it makes.",
    )
    same_image = connected_groups(len(dataset), np.concatenate([duplicates.exact, near]))
    yield from _differing(
        dataset,
        "label_conflict",
        same_image,
        dataset.labels,
        "The same image with different labels: one of them is wrong; correct or delete it.",
    )
    yield from _differing(
        dataset,
        "leak",
        same_image,
        dataset.splits,
        "The same image in two splits, so scores are too high: keep it in one of them.",
    )
    if chains:
        rows = [row for chain in chains for row in chain]
        count = "" if len(chains) == 1 else f", in {len(chains):,} chains"
        yield Finding(
            "chain",
            "info",
            len(rows),
            _paths(dataset, rows),
            f"So many images are each a near duplicate of the next{count} (frames of a video, or "
            "one template) that Foveal may divide them between splits: name those that belong "
            "together in a column 'group'.",
        )


def _paths(dataset: Dataset, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(dataset.paths[row] for row in rows)


def _copies(dataset: Dataset, kind: str, groups: list[list[int]], advice: str) -> Iterator[Finding]:
    """One finding about all groups: each further image in a pair with the first."""
    if groups:
        files = _paths(dataset, [row for rows in groups for row in rows])
        pairs = [
            (dataset.paths[rows[0]], dataset.paths[row]) for rows in groups for row in rows[1:]
        ]
        yield Finding(kind, "warning", len(files), files, advice, tuple(pairs))


def _differing(
    dataset: Dataset, kind: str, groups: list[list[int]], column: tuple[object, ...], advice: str
) -> Iterator[Finding]:
    """One finding about groups whose rows differ in a column: a pair for each further value."""
    pairs: list[tuple[str, str]] = []
    for rows in groups:
        first_rows: dict[object, int] = {}
        for row in rows:
            value = column[row]
            first_rows.setdefault(frozenset(value) if isinstance(value, tuple) else value, row)
        first, *others = first_rows.values()
        pairs += [(dataset.paths[first], dataset.paths[row]) for row in others]
    if pairs:
        files = tuple(dict.fromkeys(path for pair in pairs for path in pair))
        yield Finding(kind, "warning", len(files), files, advice, tuple(pairs))
