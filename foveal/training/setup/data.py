"""Open DATA for training: its images, the split of each, and the classes to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foveal.dataset.dataset import Dataset
from foveal.dataset.decoded_images import DecodedImages
from foveal.dataset.input_fit import input_warnings
from foveal.dataset.labels import similar_classes, similar_classes_text
from foveal.dataset.open import open_dataset
from foveal.dataset.split import assign_splits
from foveal.dataset.types import UnusableFile
from foveal.doctor.groups import group_warnings
from foveal.doctor.trainable import (
    labels_of_split,
    listing_errors,
    readable_classes,
    reading_errors,
    training_classes,
    unknown_classes,
)
from foveal.errors import DataError
from foveal.progress import Progress
from foveal.spec.preprocess import Input
from foveal.text import classes_are
from foveal.training.setup.request import TrainRequest


@dataclass(frozen=True)
class RequestedData:
    """Labelled images, the split of each, and the classes to learn, in the order of outputs.

    decoded: pixels that dividing them left, for the pixel cache.
    """

    dataset: Dataset
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    warnings: tuple[str, ...]
    allow_bad: bool = False
    decoded: DecodedImages | None = None

    def rows(self, split: str) -> list[int]:
        """The rows of `dataset` that are in a split."""
        return [row for row, name in enumerate(self.splits) if name == split]


def open_training_data(request: TrainRequest, progress: Progress) -> RequestedData:
    """The images of DATA, their splits and classes; raises DataError."""
    return divide_data(
        open_dataset(request.data, root=request.root),
        ignore_unknown=request.ignore_unknown_classes,
        allow_bad=request.allow_bad,
        decoded=DecodedImages(),
        progress=progress,
    )


def divide_data(
    dataset: Dataset,
    *,
    ignore_unknown: bool,
    allow_bad: bool,
    decoded: DecodedImages | None = None,
    progress: Progress,
) -> RequestedData:
    """The splits and classes of a data set as train takes them; DataError where it refuses.

    What `check` reports as information is a message here, what it warns of is a warning.
    decoded: keeps the pixels of small images, where all are scanned.
    """
    layout = [note.text for note in dataset.layout_notes if not note.is_warning]
    for text in (*layout, *dataset.notes):
        progress.message(f"data: {text}")
    splits = tuple(assign_splits(dataset, decoded=decoded, progress=progress))
    classes, warnings = select_classes(dataset, splits, ignore_unknown=ignore_unknown)
    similar = similar_classes(classes)
    warnings = (
        *(note.text for note in dataset.layout_notes if note.is_warning),
        *([similar_classes_text(similar)] if similar else ()),
        *group_warnings(dataset),
        *warnings,
    )
    return RequestedData(dataset, splits, classes, warnings, allow_bad, decoded)


def select_classes(
    dataset: Dataset, splits: Sequence[str], *, ignore_unknown: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes of train in the order of the dataset, and warnings.

    Raises DataError for classes that only val or test have, unless they are to be ignored.
    """
    for error in listing_errors(dataset, splits, ignore_unknown=ignore_unknown):
        raise DataError(error.text)
    classes, unknown = training_classes(dataset, splits), unknown_classes(dataset, splits)
    warnings = [f"{classes_are(unknown)} not in train and left out"] if unknown else []
    present = {label for labels in dataset.labels for label in labels}
    empty = [*(name for name in dataset.classes if name not in present), *dataset.empty_classes]
    if empty:
        warnings.append(f"{classes_are(empty)} without any image and not learned")
    for name in ("val", "test"):
        present = labels_of_split(dataset, splits, name)
        missing = [label for label in classes if label not in present]
        if missing and present:
            warnings.append(
                f"{classes_are(missing)} not in {name}, so {name} scores do not cover them"
            )
    return classes, tuple(warnings)


def with_input_warnings(data: RequestedData, input: Input) -> RequestedData:
    """The data with a warning of what the network's input loses of the images."""
    warnings = tuple(input_warnings(data.dataset, data.rows("train"), input))
    return replace(data, warnings=(*data.warnings, *warnings)) if warnings else data


def leave_out_unreadable(
    data: RequestedData, unreadable: Sequence[tuple[int, UnusableFile]]
) -> RequestedData:
    """The data without the classes of which train has no image that can be read, with a warning.

    unreadable: the rows of train and val that cannot be decoded.  Raises DataError where the rest
    cannot be trained on, or where that was not allowed.
    """
    errors = reading_errors(data.dataset, data.splits, unreadable, allow_bad=data.allow_bad)
    for error in errors:
        raise DataError(error.text)
    bad = {row for row, _ in unreadable}
    readable = readable_classes(data.dataset, data.splits, bad)
    absent = [name for name in data.classes if name not in readable]
    warnings = list(data.warnings)
    if absent:
        warnings.append(f"{classes_are(absent)} left out, as no training image there can be read")
    val = data.rows("val")
    if val and bad.issuperset(val):
        warnings.append("val is empty, as none of its images can be read: nothing is chosen on it")
    classes = tuple(name for name in data.classes if name in readable)
    return replace(data, classes=classes, warnings=tuple(warnings))
