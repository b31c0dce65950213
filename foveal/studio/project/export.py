"""A project as a CSV table, or as folders of copies in a new place."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

from foveal.dataset.tables.cells import escape_formula, join_labels
from foveal.errors import ImageError, UsageError
from foveal.files import fsync, new_folder
from foveal.progress import Progress, silent
from foveal.studio.pixels import read_file
from foveal.studio.project.images import NO_GROUP, NO_LABEL, SPLIT_NAMES
from foveal.studio.project.project import Project
from foveal.text import natural_key, printable

UNLABELLED = "unlabelled"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def project_csv(project: Project) -> str:
    """All images that are not left out: path, name, label, split, group; cells no spreadsheet runs.

    Names that are no text are escaped.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("path", "label", "split", "group", "name"))
    with project.lock:
        images, table = project.table.images, project.table
        for image in images.present().tolist():
            if images.column("left_out")[image]:
                continue
            label, group = (int(images.column(name)[image]) for name in ("label", "group"))
            path, _ = project.location(image)
            cells = (
                str(path),
                "" if label == NO_LABEL else join_labels([table.classes[label]]),
                SPLIT_NAMES[images.column("split")[image]] if images.column("split")[image] else "",
                "" if group == NO_GROUP else table.groups[group],
                project.name(image),
            )
            writer.writerow([escape_formula(printable(cell)) for cell in cells])
    return out.getvalue()


def export_folders(
    project: Project, folder: str, *, progress: Progress = silent
) -> tuple[int, list[tuple[str, str]]]:
    """Copy the images into folders named by their classes; returns how many, and what was skipped.

    folder: a whole path where nothing is yet.  Nothing is there until all is.  Raises UsageError
    where it is not new, Error where it cannot be written.
    """
    target = Path(os.path.expanduser(folder.strip()))  # noqa: PTH111
    if not target.is_absolute() or "\0" in folder:
        raise UsageError(
            f"'{printable(folder)}' is not a whole path: type the path of a new folder from its "
            "root, such as /home/me/export"
        )
    if os.path.lexists(target):
        raise UsageError(f"{printable(folder)} is there already: name a folder that is not there")
    with project.lock:
        jobs = _jobs(project)
    skipped = []
    with new_folder(target) as part:
        for done, (name, file, root, place) in enumerate(jobs, start=1):
            try:
                content = read_file(file, root)
            except ImageError as error:
                skipped.append((name, error.reason))
                continue
            path = part / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            progress("copying images", done, len(jobs))
        for inner in part.iterdir():
            fsync(inner)
    return len(jobs) - len(skipped), skipped


def _jobs(project: Project) -> list[tuple[str, Path, Path, str]]:
    """Name, file, root and place of each image that is not left out."""
    images, classes = project.table.images, project.table.classes
    folders = _folder_names([name for _, name in project.table.sorted_classes()])
    taken: set[str] = set()
    jobs = []
    for image in images.present().tolist():
        if not images.column("left_out")[image]:
            label = int(images.column("label")[image])
            folder = UNLABELLED if label == NO_LABEL else folders[classes[label]]
            split = int(images.column("split")[image])
            start = f"{SPLIT_NAMES[split]}/" if split else ""
            place = _free(f"{start}{folder}/{safe_name(Path(project.name(image)).name)}", taken)
            jobs.append((project.name(image), *project.location(image), place))
    return jobs


def _folder_names(classes: list[str]) -> dict[str, str]:
    taken: set[str] = {UNLABELLED}
    return {name: _free(safe_name(name), taken) for name in sorted(classes, key=natural_key)}


def safe_name(name: str) -> str:
    """A name that every file system takes: `a/b` is `a_b`; never `..`, hidden or reserved."""
    name = _UNSAFE.sub("_", printable(name)).strip(" .") or "_"
    stem, dot, suffix = name.rpartition(".")
    if len(name.encode()) > 200:
        short = (stem or name).encode()[:180].decode("utf-8", "ignore").rstrip(" .")
        name = f"{short}.{suffix[:10]}" if dot else short
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _free(name: str, taken: set[str]) -> str:
    """`name`, or with a number where it is taken; compared without case."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or "/" in suffix:
        stem, suffix = name, ""
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}{dot}{suffix}" if suffix else f"{name}-{number}"
    taken.add(free.casefold())
    return free
