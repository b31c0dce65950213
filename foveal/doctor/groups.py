"""Groups that the splits of DATA tear apart: one patient in train and in test, for example."""

from __future__ import annotations

from collections.abc import Iterator

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import SPLITS
from foveal.doctor.findings import Finding
from foveal.text import list_quoted, plural

MAX_NAMED_GROUPS = 3


def torn_groups(dataset: Dataset) -> dict[str, list[int]]:
    """The rows of each group that has images in two of the splits that DATA itself gives."""
    members: dict[str, list[int]] = {}
    for row, group in enumerate(dataset.groups):
        if group is not None and dataset.splits[row] is not None:
            members.setdefault(group, []).append(row)
    return {
        group: rows
        for group, rows in members.items()
        if len({dataset.splits[row] for row in rows}) > 1
    }


def group_findings(dataset: Dataset) -> Iterator[Finding]:
    """One error about all torn groups: for each an image of every split, in pairs."""
    torn = torn_groups(dataset)
    if not torn:
        return
    pairs = []
    for rows in torn.values():
        firsts = {dataset.splits[row]: dataset.paths[row] for row in reversed(rows)}
        first, *others = (firsts[split] for split in SPLITS if split in firsts)
        pairs += [(first, other) for other in others]
    files = tuple(dataset.paths[row] for rows in torn.values() for row in rows)
    yield Finding("group_leak", "error", len(files), files, f"{_describe(torn)}.", tuple(pairs))


def group_warnings(dataset: Dataset) -> tuple[str, ...]:
    """The same as a sentence for train, which keeps the splits that DATA gives."""
    torn = torn_groups(dataset)
    return (_describe(torn),) if torn else ()


def _describe(torn: dict[str, list[int]]) -> str:
    named = list_quoted(torn, MAX_NAMED_GROUPS)
    have = "has" if len(torn) == 1 else "have"
    return (
        f"{plural(len(torn), 'group')} ({named}) {have} images in more than one split of DATA, so "
        "scores are too high: keep all images of a group in one split, or give no splits and "
        "Foveal divides by group"
    )
