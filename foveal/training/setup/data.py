"""Open DATA for training: its images, the split of each, and the classes to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.split import assign_splits
from foveal.errors import DataError
from foveal.progress import Progress
from foveal.text import and_more, printable
from foveal.training.setup.request import TrainRequest

MAX_NAMED_CLASSES = 5


@dataclass(frozen=True)
class RequestedData:
    """Labelled images, the split of each, and the classes to learn, in the order of outputs."""

    dataset: Dataset
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    warnings: tuple[str, ...]
    allow_bad: bool = False

    def rows(self, split: str) -> list[int]:
        """The rows of `dataset` that are in a split."""
        return [row for row, name in enumerate(self.splits) if name == split]


def open_training_data(request: TrainRequest, progress: Progress) -> RequestedData:
    """The images of DATA, their splits and classes; raises DataError."""
    if request.root is None and isinstance(request.data, Dataset):
        dataset = request.data
    else:
        dataset = open_dataset(request.data, root=request.root)
    if not dataset.paths:
        raise DataError(
            f"{dataset.root} holds no labelled image; give one sub-folder of images a class"
        )
    splits = tuple(assign_splits(dataset, progress=progress))
    classes, warnings = select_classes(
        dataset, splits, ignore_unknown=request.ignore_unknown_classes
    )
    return RequestedData(dataset, splits, classes, (*dataset.notes, *warnings), request.allow_bad)


def select_classes(
    dataset: Dataset, splits: Sequence[str], *, ignore_unknown: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes of train in the order of the dataset, and warnings.

    Raises DataError for classes that only val or test have, unless they are to be ignored.
    """
    present: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
    for labels, name in zip(dataset.labels, splits, strict=True):
        present[name].update(labels)
    classes = tuple(name for name in dataset.classes if name in present["train"])
    others = (present["val"] | present["test"]) - present["train"]
    unknown = [name for name in dataset.classes if name in others]
    if unknown and not ignore_unknown:
        raise DataError(
            f"{classes_are(unknown)} in val or test but not in train: add images of them to "
            "train, or leave them out with --ignore-unknown-classes"
        )
    _check_classes(classes, dataset)
    warnings = [f"{classes_are(unknown)} not in train and left out"] if unknown else []
    for name in ("val", "test"):
        missing = [label for label in classes if label not in present[name]]
        if missing and present[name]:
            warnings.append(
                f"{classes_are(missing)} not in {name}, so {name} scores do not cover them"
            )
    return classes, tuple(warnings)


def _check_classes(classes: tuple[str, ...], dataset: Dataset) -> None:
    if len(classes) < 2 and dataset.task == "single":
        raise DataError(
            f"train has {len(classes)} class{'es' if len(classes) != 1 else ''}, at least 2 are "
            "needed; give one sub-folder a class"
        )
    for name in classes:
        if not _is_text(name):
            raise DataError(
                f"the class {printable(name)} has a name that is not text (UTF-8), which no "
                "model file can hold; rename its folder"
            )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def classes_are(names: Sequence[str]) -> str:
    """`class 'a' is`, `classes 'a', 'b' are`: the start of a sentence."""
    quoted = and_more([f"'{name}'" for name in names], MAX_NAMED_CLASSES)
    return f"class {quoted} is" if len(names) == 1 else f"classes {quoted} are"
