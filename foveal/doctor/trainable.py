"""Whether a data set can be trained on, and why not: one answer for `check` and for `train`.

`check` knows at once which images cannot be read, `train` only after it decoded train and val:
`listing_errors` needs no image, `reading_errors` the rows that turned out unreadable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import UnusableFile
from foveal.text import classes_are, plural, printable

MAX_UNUSABLE_SHARE = 0.05
"""Of the files that are not of a test split of DATA; with more, train needs --allow-bad."""


@dataclass(frozen=True)
class TrainabilityIssue:
    """Why train stops: an identifier, images or classes concerned, and one sentence about it.

    The sentence has neither capital nor full stop, so that it can follow `foveal:`.
    """

    kind: str
    count: int
    text: str


def training_classes(dataset: Dataset, splits: Sequence[str]) -> tuple[str, ...]:
    """The classes that train has, readable or not, in the order of the data set."""
    present = labels_of_split(dataset, splits, "train")
    return tuple(name for name in dataset.classes if name in present)


def labels_of_split(dataset: Dataset, splits: Sequence[str | None], split: str) -> set[str]:
    """All labels of the rows of a split."""
    rows = [row for row, name in enumerate(splits) if name == split]
    return {label for row in rows for label in dataset.labels[row]}


def unknown_classes(dataset: Dataset, splits: Sequence[str]) -> list[str]:
    """The classes that val or test have and train has not."""
    others = labels_of_split(dataset, splits, "val") | labels_of_split(dataset, splits, "test")
    others -= labels_of_split(dataset, splits, "train")
    return [name for name in dataset.classes if name in others]


def listing_errors(
    dataset: Dataset, splits: Sequence[str], *, ignore_unknown: bool = False
) -> Iterator[TrainabilityIssue]:
    """What is wrong whatever the images are; splits: of every row, see `assign_splits`."""
    if dataset.problem:
        yield TrainabilityIssue("layout", 0, dataset.problem)
        return
    if not len(dataset):
        yield TrainabilityIssue(
            "no_images",
            0,
            f"no labelled image in {printable(str(dataset.root))}; give a folder with one "
            "sub-folder a class, each with images",
        )
        return
    unknown = unknown_classes(dataset, splits)
    if unknown and not ignore_unknown:
        yield TrainabilityIssue(
            "class_not_in_train",
            len(unknown),
            f"{classes_are(unknown)} in val or test but not in train: add images of them to "
            "train, or leave them out with --ignore-unknown-classes",
        )
    classes = training_classes(dataset, splits)
    yield from _too_few_classes(dataset, classes)
    for name in classes:
        if not _is_text(name):
            yield TrainabilityIssue(
                "class_name",
                1,
                f"the class {printable(name)} has a name that is not text (UTF-8), which no "
                "model file can hold; rename its folder",
            )


def reading_errors(
    dataset: Dataset,
    splits: Sequence[str],
    unreadable: Sequence[tuple[int, UnusableFile]],
    *,
    allow_bad: bool = False,
) -> Iterator[TrainabilityIssue]:
    """What is wrong because of images that cannot be read.

    unreadable: rows of train and val, with the reason.  With `allow_bad` these are left out, and
    so are classes of which none remains (see `readable_classes`).
    """
    bad = {row for row, _ in unreadable}
    counts = {
        split: (splits.count(split), _count_readable(splits, split, bad))
        for split in ("train", "val")
    }
    total, readable = counts["train"]
    if not readable:
        text = "no image of train can be read: replace them; foveal check gives the reason of each"
        yield TrainabilityIssue("no_images", total, text)
        return
    classes = readable_classes(dataset, splits, bad)
    absent = [name for name in training_classes(dataset, splits) if name not in classes]
    if absent and not allow_bad:
        text = (
            f"{classes_are(absent)} without any image in train that can be read: add images, or "
            "leave out what cannot be read with --allow-bad"
        )
        yield TrainabilityIssue("unreadable_class", len(absent), text)
    elif absent:
        yield from _too_few_classes(dataset, classes)
    total, readable = counts["val"]
    if total and not readable and not allow_bad:
        text = (
            "no image of val can be read, so nothing could be chosen on it: replace them, or train "
            "without val with --allow-bad"
        )
        yield TrainabilityIssue("unreadable_val", total, text)
    if not allow_bad:
        yield from _too_many_unusable(dataset, [file for _, file in unreadable])


def unreadable_rows(
    dataset: Dataset, rows: Iterable[int], readable: Iterable[int], files: Iterable[UnusableFile]
) -> list[tuple[int, UnusableFile]]:
    """Those of `rows` that are not `readable`, with their entry in `files`."""
    known, reasons = set(readable), {file.path: file for file in files}
    return [(row, reasons[dataset.paths[row]]) for row in rows if row not in known]


def readable_classes(
    dataset: Dataset, splits: Sequence[str], unreadable: Collection[int]
) -> tuple[str, ...]:
    """The classes of which train has an image that can be read."""
    rows = [row for row, split in enumerate(splits) if split == "train" and row not in unreadable]
    present = {label for row in rows for label in dataset.labels[row]}
    return tuple(name for name in dataset.classes if name in present)


def _count_readable(splits: Sequence[str], split: str, unreadable: Collection[int]) -> int:
    return sum(name == split and row not in unreadable for row, name in enumerate(splits))


def _too_few_classes(dataset: Dataset, classes: Sequence[str]) -> Iterator[TrainabilityIssue]:
    if len(classes) >= 2 or (dataset.task == "multi" and classes):
        return
    text = "no class has images to train on: give one sub-folder a class"
    if classes:
        text = (
            f"only one class, '{printable(classes[0])}', has images to train on: give at least two "
            "sub-folders, one a class"
        )
    yield TrainabilityIssue("one_class", len(classes), text)


def _too_many_unusable(
    dataset: Dataset, unreadable: Sequence[UnusableFile]
) -> Iterator[TrainabilityIssue]:
    files = (*dataset.unusable, *unreadable)
    total = len(dataset.unusable) + sum(split != "test" for split in dataset.splits)
    if len(files) > MAX_UNUSABLE_SHARE * total:
        scope = " of train and val" if "test" in dataset.splits else ""
        yield TrainabilityIssue(
            "many_unusable",
            len(files),
            f"{len(files):,} of {plural(total, 'image')}{scope} cannot be used, more than "
            f"{100 * MAX_UNUSABLE_SHARE:.0f} %; the first is {printable(files[0].path)}: "
            f"{files[0].reason}; replace or delete them, or leave them out with --allow-bad",
        )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
