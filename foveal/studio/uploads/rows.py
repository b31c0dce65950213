"""The images of a data set as rows of a project: one class each, split and group as it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from foveal.dataset.dataset import Dataset
from foveal.errors import DataError
from foveal.studio.names import given_name
from foveal.studio.project.images import SPLIT_NAMES
from foveal.studio.project.project import Project
from foveal.studio.uploads.added import Added
from foveal.text import printable


class Row(NamedTuple):
    """One image to add; split: index into SPLIT_NAMES; read: the bytes of its file."""

    name: str
    label: str | None
    split: int
    group: str | None
    read: Callable[[], bytes]


def dataset_rows(
    dataset: Dataset, added: Added, *, label: str | None = None, group: str | None = None
) -> list[Row]:
    """The rows of a data set; what it cannot use is skipped, what it ignored becomes a note.

    label, group: of images without one.  Raises DataError where an image has several labels.
    """
    for item in dataset.unusable:
        added.skip(item.path, item.reason)
    added.notes += [*dataset.notes, *(note.text for note in dataset.layout_notes)]
    several = [row for row, labels in enumerate(dataset.labels) if len(labels) > 1]
    if several:
        raise DataError(
            f"{printable(dataset.paths[several[0]])} has {len(dataset.labels[several[0]])} labels, "
            "and a project of the studio has one class an image: use 'foveal train' for several "
            "labels an image"
        )
    return [
        Row(
            dataset.paths[row],
            class_name(labels[0]) if labels else label,
            0 if split is None else SPLIT_NAMES.index(split),
            given_name(own_group or "") or group,
            partial(dataset.read, row),
        )
        for row, (labels, split, own_group) in enumerate(
            zip(dataset.labels, dataset.splits, dataset.groups, strict=True)
        )
    ]


def layout_problem(dataset: Dataset, paths: Iterable[str]) -> list[str]:
    """Why the folders of images that have no label were not read as classes.

    Nothing where all lie in one folder: they are there to be labelled.
    """
    folders = {path.rpartition("/")[0] for path in paths}
    return [dataset.problem] if dataset.problem and len(folders) > 1 else []


def class_name(text: str) -> str:
    """The name of a folder as that of a class, see `given_name`."""
    return given_name(text) or "(blank)"


def in_project(project: Project, image: int) -> str:
    """Why a file is not added again."""
    state = ", left out" if project.image(image)["left_out"] else ""
    return f"in the project already{state}: {printable(project.name(image))}"
