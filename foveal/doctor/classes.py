"""Findings about classes and splits: what cannot be trained, small classes, imbalance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import SPLITS
from foveal.doctor.findings import Finding
from foveal.text import and_more, plural

MIN_CLASS_IMAGES = 10
MAX_IMBALANCE = 10
"""Images of the most frequent class for each of the rarest."""
MAX_LISTED_CLASSES = 5


def untrainable_findings(
    dataset: Dataset, usable: Dataset, counts: Counter[str]
) -> Iterator[Finding]:
    """Why train would stop; usable: the readable rows, counts: usable images of each class."""
    train = {
        label
        for labels, split in zip(usable.labels, usable.splits, strict=True)
        for label in labels
        if split in (None, "train")
    }
    if not len(usable):
        yield Finding(
            "no_images",
            "error",
            0,
            (),
            "No image can be used: give a folder with one sub-folder a class, each with images.",
        )
    elif not train:
        existing = " and ".join(sorted(str(split) for split in set(usable.splits)))
        yield Finding(
            "no_train",
            "error",
            0,
            (),
            f"There is no split train, only {existing}: name the images to train on train.",
        )
    elif len(train) < 2 and dataset.task == "single":
        yield Finding(
            "one_class",
            "error",
            1,
            (),
            f"Only one class, '{next(iter(train))}', has images to train on: "
            "give at least two sub-folders, one a class.",
        )
    elif unknown := sorted(name for name in counts if name not in train):
        yield Finding(
            "class_not_in_train",
            "error",
            len(unknown),
            (),
            f"In val or test but not in train: {', '.join(map(_quoted, unknown))}; add images to "
            "train, or train with --ignore-unknown-classes.",
        )


def class_findings(usable: Dataset, counts: Counter[str]) -> Iterator[Finding]:
    """Empty and small classes, imbalance, and classes that a split lacks."""
    empty = [name for name in usable.classes if not counts[name]]
    if empty:
        advice = f"No usable image of {_list_classes(empty)}: add some, or remove the class."
        yield Finding("empty_class", "warning", len(empty), (), advice)
    small = [name for name in usable.classes if 0 < counts[name] < MIN_CLASS_IMAGES]
    if small:
        yield Finding(
            "few_images",
            "warning",
            len(small),
            (),
            f"Fewer than {MIN_CLASS_IMAGES} images of {_list_classes(small)}: scores of such "
            "classes are unreliable, and a class with one image cannot be scored; add more.",
        )
    yield from _imbalance(counts)
    for split in SPLITS[1:]:
        yield from _missing_classes(usable, counts, split)


def _imbalance(counts: Counter[str]) -> Iterator[Finding]:
    ordered = sorted((count, name) for name, count in counts.items())
    if len(ordered) > 1 and ordered[-1][0] > MAX_IMBALANCE * ordered[0][0]:
        (low, rarest), (high, most_frequent) = ordered[0], ordered[-1]
        yield Finding(
            "imbalance",
            "warning",
            len(ordered),
            (),
            f"'{most_frequent}' has {plural(high, 'image')} and '{rarest}' {low}: compare balanced "
            "accuracies, and add images of the rare classes.",
        )


def _missing_classes(usable: Dataset, counts: Counter[str], split: str) -> Iterator[Finding]:
    present = {
        label
        for labels, row_split in zip(usable.labels, usable.splits, strict=True)
        for label in labels
        if row_split == split
    }
    missing = [name for name in usable.classes if name not in present and counts[name]]
    if present and missing:
        advice = f"{split} has no image of {_list_classes(missing)}, so it cannot score them."
        yield Finding("class_missing", "warning", len(missing), (), advice)


def _list_classes(names: Sequence[str]) -> str:
    return and_more(map(_quoted, names), MAX_LISTED_CLASSES)


def _quoted(name: str) -> str:
    return f"'{name}'"
