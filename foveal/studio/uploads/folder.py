"""Folders and tables of this machine: their images are used where they lie, nothing is copied."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset, open_images
from foveal.dataset.tables.listed_tables import several_tables_note, tables_at_top
from foveal.dataset.tables.metadata import METADATA_NAMES, folder_source, open_only_table
from foveal.dataset.tables.parquet import is_parquet
from foveal.dataset.tables.table import TABLE_SUFFIXES
from foveal.errors import UsageError
from foveal.progress import Progress, silent
from foveal.studio.project.project import Project
from foveal.studio.tasks.beside import read_beside
from foveal.studio.tasks.tasks import TaskProgress
from foveal.studio.uploads.added import Added
from foveal.studio.uploads.machine_path import machine_path
from foveal.studio.uploads.rows import Row, dataset_rows, in_project, layout_problem
from foveal.text import printable

OUTSIDE = "a link or path that leads out of the folder that was added"
_ROWS_TOGETHER = 20_000
_ROWS_REPORTED = 1000


def add_folder(project: Project, path: str, progress: TaskProgress | None = None) -> Added:
    """Add the images of a folder, or of a table with the columns path and label.

    The one table of a folder, or class folders, give labels, train, val and test splits; in a
    folder without them the images have none.  A folder that was added before brings what is new
    in it.
    progress: where it raises, nothing was added.
    Raises UsageError where it is not a folder or table of this machine or has too many classes,
    DataError as `open_dataset`; nothing was added then.
    """
    chosen = _checked(path, project)
    added = Added()
    if progress is None:
        dataset = _read(chosen, added)
    else:
        dataset = read_beside(lambda: _read(chosen, added), progress, "reading the folder")
    if dataset.archive_members:
        raise UsageError(
            f"the images of {printable(path)} lie inside other files: unpack them to a folder"
        )
    rows = dataset_rows(dataset, added)
    folder = os.path.abspath(dataset.root)  # noqa: PTH100 - must not resolve links
    paths = [os.path.join(folder, row.name) for row in rows]  # noqa: PTH118 - called per row
    batch = secrets.token_hex(8)
    with project.lock:
        new = _new_rows(project, folder, rows, paths, added, progress or silent)
        project.check_classes([rows[row] for row in new])
        for start in range(0, len(new), _ROWS_TOGETHER):
            part = new[start : start + _ROWS_TOGETHER]
            project.add(
                [rows[row] for row in part],
                [paths[row] for row in part],
                batch,
                folder,
                {"path": path},
            )
    added.added = len(new)
    return added


def _read(chosen: Path, added: Added) -> Dataset:
    """The images of a folder or table; those of a folder without class folders have no label."""
    if not chosen.is_dir():
        return open_dataset(chosen, allow_empty=True)
    dataset = _open_folder(chosen, added)
    if len(dataset):
        return dataset
    without_labels = open_images(chosen)
    added.notes += layout_problem(dataset, without_labels.paths)
    return without_labels


def _open_folder(folder: Path, added: Added) -> Dataset:
    """The images of a folder: those of the one table in it, where it has one."""
    names = sorted(each.name for each in folder.iterdir() if each.is_file())
    tables = tables_at_top(names)
    if len(tables) != 1 or tables[0] in METADATA_NAMES or is_parquet(tables[0]):
        added.notes += several_tables_note(str(folder), tables)
        return open_dataset(folder, allow_empty=True)
    source = folder_source(folder)
    return open_only_table(
        replace(source, open_folders=lambda: open_dataset(folder, allow_empty=True)), tables[0]
    )


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
    project: Project,
    folder: str,
    rows: list[Row],
    paths: list[str],
    added: Added,
    progress: Progress,
) -> list[int]:
    """The rows whose files lie in the folder and are not in the project."""
    root = os.path.realpath(folder)
    inside: dict[str, bool] = {}
    new = []
    for row, path in enumerate(paths):
        if row % _ROWS_REPORTED == 0:
            progress("adding images", row, len(paths))
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
