"""The table that training reads: the labelled images of a project, as JSON Lines.

JSON Lines and not CSV, as names of files may hold what no CSV holds: control characters, line ends,
bytes that are no text.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.split import DEFAULT_SHARES, MAX_VAL_IMAGES
from foveal.errors import DataError
from foveal.files import write_atomic
from foveal.studio.project.images import NO_GROUP, NO_LABEL, SPLIT_NAMES, Images
from foveal.studio.project.project import Project
from foveal.text import name_bytes, plural

CLASSES_FILE = "classes.json"
TRAIN, VAL, TEST = 1, 2, 3


def write_training_table(project: Project, path: Path) -> None:
    """As `write_table`.  Raises DataError where fewer than two classes have images."""
    with project.lock:
        images = project.table.images
        present = len(np.unique(images.column("label")[_labelled(images)]))
        if present < 2:
            raise DataError(
                f"{plural(present, 'class has', 'classes have')} images, and training needs two "
                "or more: label images of another class"
            )
        write_table(project, path)


def write_run_table(project: Project, path: Path) -> None:
    """As `write_training_table`, and beside it the ids of the classes in it, by their names.

    By them the classes of a run are known when they have other names.
    """
    with project.lock:
        write_training_table(project, path)
        labels = project.table.images.column("label")[_labelled(project.table.images)]
        ids = {project.table.classes[number]: number for number in np.unique(labels).tolist()}
    write_atomic(path.with_name(CLASSES_FILE), json.dumps(ids))


def write_table(project: Project, path: Path) -> None:
    """Write the images that have a label and are not left out to `path`, a .jsonl file.

    Paths are absolute.  Raises DataError where there is no such image.
    """
    with project.lock:
        images, table = project.table.images, project.table
        ids = _labelled(images)
        if not len(ids):
            raise DataError("no image of the project has a label: label some first")
        paths, names = _paths(project, ids), _group_names(project, ids)
        splits = _splits(images, ids, paths, names)
        classes = [table.classes[label] for label in images.column("label")[ids].tolist()]
    write_atomic(path, "".join(map(_line, paths, classes, splits, names)))


def _labelled(images: Images) -> NDArray[np.int64]:
    return np.flatnonzero(images.usable() & (images.column("label") != NO_LABEL))


def training_splits(project: Project, ids: NDArray[np.int64]) -> list[int]:
    """The splits of images as training takes them, see `resolve_splits`."""
    paths, names = _paths(project, ids), _group_names(project, ids)
    return _splits(project.table.images, ids, paths, names)


def _splits(
    images: Images, ids: NDArray[np.int64], paths: list[str], names: list[str | None]
) -> list[int]:
    keys = [
        path if name is None else f"group {name}" for path, name in zip(paths, names, strict=True)
    ]
    splits: list[int] = resolve_splits(images.column("split")[ids], keys).tolist()
    return splits


def _paths(project: Project, ids: NDArray[np.int64]) -> list[str]:
    return [str(project.location(image)[0]) for image in ids.tolist()]


def _group_names(project: Project, ids: NDArray[np.int64]) -> list[str | None]:
    table = project.table
    groups = table.images.column("group")[ids].tolist()
    return [None if group == NO_GROUP else table.groups[group] for group in groups]


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
