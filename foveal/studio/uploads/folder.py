"""Folders and tables of this machine: their images are used where they lie, nothing is copied."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from foveal.dataset.open import open_dataset, open_images
from foveal.dataset.tables.table import TABLE_SUFFIXES
from foveal.errors import UsageError
from foveal.studio.project.project import Project
from foveal.studio.uploads.added import Added
from foveal.studio.uploads.machine_path import machine_path
from foveal.studio.uploads.rows import Row, dataset_rows, in_project, layout_problem
from foveal.text import printable

OUTSIDE = "a link or path that leads out of the folder that was added"
_ROWS_TOGETHER = 20_000


def add_folder(project: Project, path: str) -> Added:
    """Add the images of a folder, or of a table with the columns path and label.

    Class folders give labels, train, val and test splits; in a folder without class folders the
    images have none.  A folder that was added before brings what is new in it.
    Raises UsageError where it is not a folder or table of this machine, DataError as
    `open_dataset`.
    """
    chosen = _checked(path, project)
    added = Added()
    dataset = open_dataset(chosen, allow_empty=True)
    if not len(dataset) and chosen.is_dir():
        without_labels = open_images(chosen)
        added.notes += layout_problem(dataset, without_labels.paths)
        dataset = without_labels
    if dataset.archive_members:
        raise UsageError(
            f"the images of {printable(path)} lie inside other files: unpack them to a folder"
        )
    rows = dataset_rows(dataset, added)
    folder = os.path.abspath(dataset.root)  # noqa: PTH100 - must not resolve links
    paths = [os.path.join(folder, row.name) for row in rows]  # noqa: PTH118 - called per row
    batch = secrets.token_hex(8)
    with project.lock:
        new = _new_rows(project, folder, rows, paths, added)
        for start in range(0, len(new), _ROWS_TOGETHER):
            part = new[start : start + _ROWS_TOGETHER]
            project.add([rows[row] for row in part], [paths[row] for row in part], batch, folder)
    added.added = len(new)
    return added


def _checked(path: str, project: Project) -> Path:
    """The folder or table that a person named."""
    chosen = machine_path(path)
    if not chosen.is_dir() and not chosen.name.lower().endswith(TABLE_SUFFIXES):
        raise UsageError(
            f"{printable(path)} is neither a folder nor a table (.csv, .tsv, .jsonl, .parquet): "
            "drop files and archives onto the page instead"
        )
    workspace = os.path.realpath(project.folder.parent.parent)
    if _is_inside(workspace, os.path.realpath(chosen)):
        raise UsageError(
            f"{printable(path)} holds the studio's own workspace: name a folder of images only"
        )
    return chosen


def _new_rows(
    project: Project, folder: str, rows: list[Row], paths: list[str], added: Added
) -> list[int]:
    """The rows whose files lie in the folder and are not in the project."""
    root = os.path.realpath(folder)
    inside: dict[str, bool] = {}
    new = []
    for row, path in enumerate(paths):
        known = project.image_at(path)
        if known is not None:
            added.skip(rows[row].name, in_project(project, known))
        elif not _lies_in(path, root, inside):
            added.skip(rows[row].name, OUTSIDE)
        else:
            new.append(row)
    return new


def _lies_in(path: str, root: str, inside: dict[str, bool]) -> bool:
    """Whether a file, its links followed, is below `root`; inside: what is known of folders."""
    if os.path.islink(path):  # noqa: PTH114 - called per row
        return _is_inside(os.path.realpath(path), root)
    parent = os.path.dirname(path)  # noqa: PTH120
    if parent not in inside:
        inside[parent] = _is_inside(os.path.realpath(parent), root)
    return inside[parent]


def _is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
