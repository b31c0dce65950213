"""A project as a CSV table, or as folders of copies in a new place, with a table of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foveal.dataset.tables.cells import csv_text, join_labels
from foveal.errors import ImageError, UsageError
from foveal.files import new_folder, refuse_file_name
from foveal.progress import Progress, silent
from foveal.studio.pixels import read_file
from foveal.studio.project.images import NO_GROUP, NO_LABEL, SPLIT_NAMES
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import training_splits
from foveal.text import compose, natural_key, printable

UNLABELLED = "unlabelled"
TABLE = "metadata.csv"
COLUMNS = ("path", "label", "split", "group")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def project_csv(project: Project) -> str:
    """All images that are not left out: path, label, split, group, name; cells no spreadsheet runs.

    Splits are those that training takes.  Names that are no text are escaped.
    """
    with project.lock:
        rows = [
            (str(project.location(image)[0]), *cells, project.name(image))
            for image, cells in _exported(project)
        ]
    return _csv((*COLUMNS, "name"), rows)


def _exported(project: Project) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Id of each image that is not left out, with label, split and group, empty where none is."""
    images, table = project.table.images, project.table
    ids = np.flatnonzero(images.usable())
    labels, groups = images.column("label")[ids].tolist(), images.column("group")[ids].tolist()
    splits = training_splits(project, ids)
    for image, label, split, group in zip(ids.tolist(), labels, splits, groups, strict=True):
        yield (
            image,
            (
                "" if label == NO_LABEL else join_labels([table.classes[label]]),
                SPLIT_NAMES[split] if split else "",
                "" if group == NO_GROUP else table.groups[group],
            ),
        )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return csv_text([columns, *([printable(cell) for cell in row] for row in rows)])


def export_folders(
    project: Project, folder: str, *, progress: Progress = silent
) -> tuple[int, list[tuple[str, str]]]:
    """Copy the images into folders named by their classes; returns how many, and what was skipped.

    Splits are those that training takes.  metadata.csv among them has labels, splits and groups: a
    folder cannot have every name that a class can, nor tell a group.  folder: a whole path where
    nothing is yet.  Nothing is there until all is.  Raises UsageError where it is not new, Error
    where it cannot be written.
    """
    target = Path(os.path.expanduser(folder.strip()))  # noqa: PTH111
    if not target.is_absolute() or "\0" in folder:
        raise UsageError(
            f"'{printable(folder)}' is not a whole path: type the path of a new folder from its "
            "root, such as /home/me/export"
        )
    if os.path.lexists(target):
        raise UsageError(f"{printable(folder)} is there already: name a folder that is not there")
    refuse_file_name(target, "the folder")
    with project.lock:
        jobs = _jobs(project)
    skipped, rows = [], []
    with new_folder(target) as part:
        for done, job in enumerate(jobs, start=1):
            try:
                content = read_file(job.file, job.root)
            except ImageError as error:
                skipped.append((job.name, error.reason))
            else:
                path = part / job.place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                if job.cells[0]:
                    rows.append((job.place, *job.cells))
            progress("copying images", done, len(jobs))
        (part / TABLE).write_text(_csv(COLUMNS, rows), encoding="utf-8")
    return len(jobs) - len(skipped), skipped


class _Job(NamedTuple):
    """name: of the image in the project.  place: of its copy.  cells: label, split and group."""

    name: str
    file: Path
    root: Path
    place: str
    cells: tuple[str, str, str]


def _jobs(project: Project) -> list[_Job]:
    images, classes = project.table.images, project.table.classes
    folders = _folder_names([name for _, name in project.table.sorted_classes()])
    taken: dict[str, int] = {}
    jobs = []
    for image, cells in _exported(project):
        label = int(images.column("label")[image])
        folder = UNLABELLED if label == NO_LABEL else folders[classes[label]]
        name = project.name(image)
        place = "/".join(filter(None, (cells[1], folder, safe_name(Path(name).name))))
        jobs.append(_Job(name, *project.location(image), _free(place, taken), cells))
    return jobs


def _folder_names(classes: list[str]) -> dict[str, str]:
    taken = dict.fromkeys((UNLABELLED, TABLE), 1)
    return {name: _free(safe_name(name), taken) for name in sorted(classes, key=natural_key)}


def safe_name(name: str) -> str:
    """A name that every file system takes: `a/b` is `a_b`; never `..`, hidden or reserved."""
    name = _UNSAFE.sub("_", printable(name)).strip(" .") or "_"
    stem, dot, suffix = name.rpartition(".")
    if len(name.encode()) > 200:
        short = (stem or name).encode()[:180].decode("utf-8", "ignore").rstrip(" .")
        name = f"{short}.{suffix[:10]}" if dot else short
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _free(name: str, taken: dict[str, int]) -> str:
    """`name`, or with a number where it is taken; compared without case and form of Unicode.

    taken: the names, each with the last number that was tried behind it.
    """
    stem, dot, suffix = name.rpartition(".")
    if not dot or "/" in suffix:
        stem, suffix = name, ""
    wanted = compose(name.casefold())
    free, number = name, taken.get(wanted, 1)
    while compose(free.casefold()) in taken:
        number += 1
        free = f"{stem}-{number}{dot}{suffix}" if suffix else f"{name}-{number}"
    taken[wanted] = number
    taken.setdefault(compose(free.casefold()), 1)
    return free
