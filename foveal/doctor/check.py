"""The doctor: everything that `check` finds in a dataset; it changes nothing and guesses nothing.

Knows nothing of terminals, pages or training.

Severity `error` with files means that these images cannot be used, and train leaves out
exactly these; `error` without files means that nothing can be trained as it stands.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.duplicates import DuplicatePairs, connected_components, find_duplicates
from foveal.dataset.scan.scan import Scan, scan_images
from foveal.dataset.split import find_chains
from foveal.dataset.types import SPLITS, UnusableFile
from foveal.doctor.findings import CheckResult, Finding, sort_by_severity
from foveal.doctor.outliers import find_outliers
from foveal.doctor.shortcuts import find_shortcuts
from foveal.progress import Progress, silent
from foveal.text import plural

MAX_UNUSABLE_SHARE = 0.05
MIN_CLASS_IMAGES = 10
MAX_IMBALANCE = 10


def run_checks(dataset: Dataset, *, progress: Progress = silent) -> CheckResult:
    """Look at every image and tell what is wrong with the data set."""
    seen = scan_images(dataset, range(len(dataset)), full=True, progress=progress)
    same = find_duplicates(seen)
    unusable = (*dataset.unusable, *seen.unusable)
    usable = dataset.subset(seen.rows.tolist())
    counts = Counter(label for labels in usable.labels for label in labels)
    fatal = list(_fatal(dataset, usable, counts))
    findings = [
        *fatal,
        *_unusable(len(usable), unusable),
        *_classes(usable, counts),
        *_pairs(dataset, same, counts),
        *find_outliers(usable, seen),
        *_shortcuts(usable, seen),
        *(Finding("left_aside", "info", 1, (), f"{note}.") for note in dataset.notes),
    ]
    return CheckResult(
        str(dataset.root), len(usable),
        {name: counts[name] for name in dataset.classes},
        {name: n for name in SPLITS if (n := usable.splits.count(name))},
        unusable, sort_by_severity(findings), trainable=not fatal,
    )  # fmt: skip


def _fatal(dataset: Dataset, usable: Dataset, counts: Counter[str]) -> Iterator[Finding]:
    """What train stops at."""
    given = set(usable.splits)
    train = {
        label for labels, split in zip(usable.labels, usable.splits, strict=True)
        for label in labels if split in (None, "train")
    }  # fmt: skip
    if not len(usable):
        yield Finding("no_images", "error", 0, (), (
            "No image can be used: give a folder with one sub-folder a class, each with images."
        ))  # fmt: skip
    elif not train:
        yield Finding("no_train", "error", 0, (), (
            "There is no train, only " + " and ".join(sorted(str(one) for one in given)) + ": "
            "name the images to train on train."
        ))  # fmt: skip
    elif len(train) < 2 and dataset.task == "single":
        yield Finding("one_class", "error", 1, (), (
            f"Only one class, '{next(iter(train))}', has images to train on: "
            "give at least two sub-folders, one a class."
        ))  # fmt: skip
    elif unknown := [name for name in counts if name not in train]:
        named = ", ".join(f"'{name}'" for name in sorted(unknown))
        yield Finding("class_not_in_train", "error", len(unknown), (), (
            f"In val or test but not in train: {named}; add images to train, or train with "
            "--ignore-unknown-classes."
        ))  # fmt: skip


def _unusable(usable: int, unusable: tuple[UnusableFile, ...]) -> Iterator[Finding]:
    if not unusable:
        return
    share = len(unusable) / (usable + len(unusable))
    more = f"; {100 * share:.1f} % is more than 5 %, so train asks for --allow-bad"
    yield Finding(
        "unusable", "error", len(unusable), tuple(item.path for item in unusable),
        "These cannot be read (the reason stands with each); train leaves them out: replace or "
        "delete them" + (more if share > MAX_UNUSABLE_SHARE else "") + ".",
    )  # fmt: skip


def _classes(usable: Dataset, counts: Counter[str]) -> Iterator[Finding]:
    empty = [name for name in usable.classes if not counts[name]]
    if empty:
        yield Finding("empty_class", "warning", len(empty), (), (
            f"No usable image of {_named(empty)}: add some, or remove the class."
        ))  # fmt: skip
    few = [name for name in usable.classes if 0 < counts[name] < MIN_CLASS_IMAGES]
    if few:
        yield Finding("few_images", "warning", len(few), (), (
            f"Fewer than {MIN_CLASS_IMAGES} images of {_named(few)}: scores of a class with one "
            "image cannot be told at all; add more."
        ))  # fmt: skip
    ordered = sorted((n, name) for name, n in counts.items())
    if len(ordered) > 1 and ordered[-1][0] > MAX_IMBALANCE * ordered[0][0]:
        (low, rare), (high, common) = ordered[0], ordered[-1]
        yield Finding("imbalance", "warning", len(ordered), (), (
            f"'{common}' has {plural(high, 'image')} and '{rare}' {low}: look at balanced "
            "accuracy, and add images of the rare classes."
        ))  # fmt: skip
    for split in SPLITS[1:]:
        there = {
            label for labels, where in zip(usable.labels, usable.splits, strict=True)
            for label in labels if where == split
        }  # fmt: skip
        missing = [name for name in usable.classes if name not in there and counts[name]]
        if there and missing:
            yield Finding("class_missing", "warning", len(missing), (), (
                f"{split} has no image of {_named(missing)}, so it says nothing about them."
            ))  # fmt: skip


def _named(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"'{name}'" for name in names[:5]) + more


def _pairs(dataset: Dataset, same: DuplicatePairs, counts: Counter[str]) -> Iterator[Finding]:
    long = find_chains(dataset, same, counts)
    chained = {row for rows in long for row in rows}
    kept = np.array([pair for pair in same.near.tolist() if pair[0] not in chained], np.int64)
    exact, near = _groups(dataset, same.exact), _groups(dataset, kept.reshape(-1, 2))
    close = _groups(dataset, np.concatenate([same.exact, kept.reshape(-1, 2)]))
    yield from _told(dataset, "duplicates", exact, (
        "The same pixels more than once: keep one of each; Foveal never puts them on two sides of "
        "a split it makes."
    ))  # fmt: skip
    yield from _told(dataset, "near_duplicates", near, (
        "The same image encoded again, resized or slightly cropped: keep one of each; Foveal "
        "never puts them on two sides of a split it makes."
    ))  # fmt: skip
    yield from _across(dataset, "label_conflict", close, dataset.labels, (
        "The same image under different labels: one of them is wrong; correct or delete it."
    ))  # fmt: skip
    yield from _across(dataset, "leak", close, dataset.splits, (
        "The same image in two splits, so the score is too good: delete it from train."
    ))  # fmt: skip
    for rows in long:
        yield Finding("chain", "info", len(rows), _paths(dataset, rows), (
            "So many images are each near the next (frames of a film, or one template) that they "
            "are not held together when Foveal splits: say what belongs together in a column "
            "'group'."
        ))  # fmt: skip


def _groups(dataset: Dataset, pairs: NDArray[np.int64]) -> list[list[int]]:
    roots = connected_components(len(dataset), pairs)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for row in np.unique(pairs).tolist():
        members[int(roots[row])].append(row)
    return list(members.values())


def _paths(dataset: Dataset, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(dataset.paths[row] for row in rows)


def _told(dataset: Dataset, kind: str, groups: list[list[int]], advice: str) -> Iterator[Finding]:
    if groups:
        files = _paths(dataset, [row for rows in groups for row in rows])
        pairs = [
            (dataset.paths[rows[0]], dataset.paths[row]) for rows in groups for row in rows[1:]
        ]
        yield Finding(kind, "warning", len(files), files, advice, tuple(pairs))


def _across(
    dataset: Dataset, kind: str, groups: list[list[int]], column: tuple[object, ...], advice: str
) -> Iterator[Finding]:
    """Groups whose rows differ in a column: one pair for each further value."""
    pairs: list[tuple[str, str]] = []
    for rows in groups:
        first: dict[object, int] = {}
        for row in rows:
            value = column[row]
            key = frozenset(value) if isinstance(value, tuple) else value
            if key not in first:
                first[key] = row
        known, *others = first.values()
        pairs += [(dataset.paths[known], dataset.paths[row]) for row in others]
    if pairs:
        files = tuple(dict.fromkeys(path for pair in pairs for path in pair))
        yield Finding(kind, "warning", len(files), files, advice, tuple(pairs))


def _shortcuts(usable: Dataset, seen: Scan) -> Iterator[Finding]:
    if usable.task != "single":
        return
    names = sorted({labels[0] for labels in usable.labels})
    number = {name: place for place, name in enumerate(names)}
    labels = np.array([number[labels[0]] for labels in usable.labels], np.int64)
    for one in find_shortcuts(seen, labels, len(names)):
        yield Finding("shortcut", "warning", len(usable), (), (
            f"By {one.attribute} alone the label is right in {100 * one.accuracy:.0f} % (guessing: "
            f"{100 * one.chance:.0f} %), so a network may learn that instead of what is shown: "
            "make it alike in all classes."
        ))  # fmt: skip
