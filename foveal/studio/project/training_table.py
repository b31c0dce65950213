"""The table that training reads: the labelled images of a project, as JSON Lines.

JSON Lines and not CSV, as names of files may hold what no CSV holds: control characters, line ends,
bytes that are no text.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.split import DEFAULT_SHARES, MAX_VAL_IMAGES
from foveal.errors import DataError
from foveal.studio.kept import write_into_folder
from foveal.studio.project.images import NO_GROUP, NO_LABEL, SPLIT_NAMES
from foveal.studio.project.project import Project
from foveal.text import name_bytes, plural

CLASSES_FILE = "classes.json"
TRAIN, VAL, TEST = 1, 2, 3


class TableImages(NamedTuple):
    """Images of a project as they were at one moment, from which a table is made without its lock.

    folder: of the project.  files: as `Images.paths`.  classes: names by the ids in `labels`.
    """

    folder: Path
    files: list[str]
    labels: list[int]
    splits: NDArray[np.int8]
    groups: list[str | None]
    classes: dict[int, str]


def training_table(project: Project) -> str:
    """The labelled images as `table_text`.  Raises DataError where they are of one class."""
    return table_text(_training_images(project))


def write_training_table(project: Project, path: Path) -> None:
    """Write `training_table` into a folder that is there, else UsageError."""
    write_into_folder(path, training_table(project))


def write_run_table(project: Project, path: Path) -> None:
    """As `write_training_table`, and beside it the ids of the classes in it, by their names.

    By them the classes of a run are known when they have other names.
    """
    images = _training_images(project)
    write_into_folder(path, table_text(images))
    ids = {images.classes[number]: number for number in sorted(set(images.labels))}
    write_into_folder(path.with_name(CLASSES_FILE), json.dumps(ids))


def labelled_images(project: Project) -> TableImages:
    """The images that have a label and are not left out.  Raises DataError where there is none."""
    images = _labelled(project)
    if not images.files:
        raise DataError("no image of the project has a label: label some first")
    return images


def table_text(images: TableImages) -> str:
    """A table of images, as JSON Lines; paths in it are absolute."""
    paths = _paths(images)
    splits = _splits(images, paths)
    classes = [images.classes[label] for label in images.labels]
    return "".join(map(_line, paths, classes, splits, images.groups))


def training_splits(project: Project, ids: NDArray[np.int64]) -> list[int]:
    """The splits of images as training takes them, see `resolve_splits`.

    For a caller that has the project's lock.
    """
    images = _images(project, ids)
    return _splits(images, _paths(images))


def _training_images(project: Project) -> TableImages:
    images = _labelled(project)
    present = len(set(images.labels))
    if present < 2:
        raise DataError(
            f"{plural(present, 'class has', 'classes have')} images, and training needs two "
            "or more: label images of another class"
        )
    return images


def _labelled(project: Project) -> TableImages:
    with project.lock:
        images = project.table.images
        is_labelled = images.usable() & (images.column("label") != NO_LABEL)
        return _images(project, np.flatnonzero(is_labelled))


def _images(project: Project, ids: NDArray[np.int64]) -> TableImages:
    table, images = project.table, project.table.images
    groups = images.column("group")[ids].tolist()
    return TableImages(
        folder=project.folder,
        files=[images.paths[image] for image in ids.tolist()],
        labels=images.column("label")[ids].tolist(),
        splits=images.column("split")[ids],
        groups=[None if group == NO_GROUP else table.groups[group] for group in groups],
        classes=table.classes,
    )


def _paths(images: TableImages) -> list[str]:
    return [str(images.folder / file) for file in images.files]


def _splits(images: TableImages, paths: list[str]) -> list[int]:
    keys = [
        path if name is None else f"group {name}"
        for path, name in zip(paths, images.groups, strict=True)
    ]
    splits: list[int] = resolve_splits(images.splits, keys).tolist()
    return splits


def resolve_splits(splits: NDArray[np.int8], keys: list[str]) -> NDArray[np.int8]:
    """The column `split` as training takes it: all 0 (Foveal chooses), or none.

    keys: what images that stay together have in common.  Where a person has chosen val or test
    for some, the others are train, from which Foveal takes what is missing.  Where only train was
    chosen, the others are divided 70/15/15 by a hash of their keys, so that later images move none
    but those of a val that would have more than 5,000, to train.
    """
    if not splits.any():
        return splits
    resolved = splits.copy()
    rest = np.flatnonzero(splits == 0)
    if (splits > TRAIN).any():
        resolved[rest] = TRAIN
        return resolved
    _, val, test = DEFAULT_SHARES
    val_end = 1 - test
    ends = (val_end - min(val, MAX_VAL_IMAGES / max(1, len(rest))), val_end)
    resolved[rest] = [TRAIN + sum(_position(keys[row]) >= end for end in ends) for row in rest]
    return resolved


def _position(key: str) -> float:
    digest = blake2b(name_bytes(key), digest_size=8, person=b"foveal-studio")
    return int.from_bytes(digest.digest(), "little") / 2**64


def _line(path: str, label: str, split: int, group: str | None) -> str:
    row: dict[str, object] = {"path": path, "label": [label]}
    if split:
        row["split"] = SPLIT_NAMES[split]
    if group is not None:
        row["group"] = group
    return json.dumps(row) + "\n"
