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
from foveal.files import write_atomic
from foveal.studio.project.images import NO_GROUP, NO_LABEL, SPLIT_NAMES
from foveal.studio.project.project import Project
from foveal.text import name_bytes, plural

CLASSES_FILE = "classes.json"
TRAIN, VAL, TEST = 1, 2, 3


class Rows(NamedTuple):
    """Images of a project as they were at one moment, from which a table is made without its lock.

    folder: of the project.  files: as `Images.paths`.  classes: names by the ids in `labels`.
    """

    folder: Path
    files: list[str]
    labels: list[int]
    splits: NDArray[np.int8]
    groups: list[str | None]
    classes: dict[int, str]


def write_training_table(project: Project, path: Path) -> None:
    """Write the labelled images as `write_rows`.  Raises DataError where they are of one class."""
    write_rows(_training_rows(project), path)


def write_run_table(project: Project, path: Path) -> None:
    """As `write_training_table`, and beside it the ids of the classes in it, by their names.

    By them the classes of a run are known when they have other names.
    """
    rows = _training_rows(project)
    write_rows(rows, path)
    ids = {rows.classes[number]: number for number in sorted(set(rows.labels))}
    write_atomic(path.with_name(CLASSES_FILE), json.dumps(ids))


def labelled_rows(project: Project) -> Rows:
    """The images that have a label and are not left out.  Raises DataError where there is none."""
    rows = _labelled(project)
    if not rows.files:
        raise DataError("no image of the project has a label: label some first")
    return rows


def write_rows(rows: Rows, path: Path) -> None:
    """Write images to `path`, a .jsonl file; paths in it are absolute."""
    paths = _paths(rows)
    splits = _splits(rows, paths)
    classes = [rows.classes[label] for label in rows.labels]
    write_atomic(path, "".join(map(_line, paths, classes, splits, rows.groups)))


def training_splits(project: Project, ids: NDArray[np.int64]) -> list[int]:
    """The splits of images as training takes them, see `resolve_splits`."""
    rows = _rows(project, ids)
    return _splits(rows, _paths(rows))


def _training_rows(project: Project) -> Rows:
    rows = _labelled(project)
    present = len(set(rows.labels))
    if present < 2:
        raise DataError(
            f"{plural(present, 'class has', 'classes have')} images, and training needs two "
            "or more: label images of another class"
        )
    return rows


def _labelled(project: Project) -> Rows:
    with project.lock:
        images = project.table.images
        is_labelled = images.usable() & (images.column("label") != NO_LABEL)
        return _rows(project, np.flatnonzero(is_labelled))


def _rows(project: Project, ids: NDArray[np.int64]) -> Rows:
    table, images = project.table, project.table.images
    groups = images.column("group")[ids].tolist()
    return Rows(
        folder=project.folder,
        files=[images.paths[image] for image in ids.tolist()],
        labels=images.column("label")[ids].tolist(),
        splits=images.column("split")[ids],
        groups=[None if group == NO_GROUP else table.groups[group] for group in groups],
        classes=table.classes,
    )


def _paths(rows: Rows) -> list[str]:
    return [str(rows.folder / file) for file in rows.files]


def _splits(rows: Rows, paths: list[str]) -> list[int]:
    keys = [
        path if name is None else f"group {name}"
        for path, name in zip(paths, rows.groups, strict=True)
    ]
    splits: list[int] = resolve_splits(rows.splits, keys).tolist()
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
