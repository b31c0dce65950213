"""A project of the studio from Python and the command line: what the page does with its images.

The workspace is locked while a project is open, as the studio locks it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.dataset.tables.table import TABLE_SUFFIXES
from foveal.errors import UsageError
from foveal.files import write_atomic
from foveal.progress import Progress, silent
from foveal.studio.project.changes import parse_change
from foveal.studio.project.export import export_folders, project_csv
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import training_table
from foveal.studio.thumbnails import Thumbnails
from foveal.studio.uploads.added import Added
from foveal.studio.uploads.folder import add_folder
from foveal.studio.uploads.upload import UploadOptions, take_upload
from foveal.studio.workspace import DEFAULT_FOLDER, WORKSPACE_FILE, Workspace, open_workspace
from foveal.text import did_you_mean, printable


@dataclass(frozen=True)
class OpenProject:
    """An open project. Every change goes into its journal, as one of the page does."""

    project: Project
    thumbnails: Thumbnails

    def summary(self) -> dict[str, Any]:
        """Classes with counts, images, how many have no label or are left out."""
        return self.project.summary()

    def change(self, op: str, **values: Any) -> None:
        """Make a change, such as `change("label", ids=[3, 4], label="cat")` or `change("undo")`.

        Raises UsageError where it cannot be made; nothing has changed then.
        """
        self.project.change(parse_change({"op": op, **values}))

    def add(
        self,
        path: str | Path,
        *,
        label: str | None = None,
        split: str | None = None,
        group: str | None = None,
        progress: Progress = silent,
    ) -> Added:
        """Add a folder or table of images, which stay where they are, or copy an image or .zip.

        label, split, group: of an image, or of those in a .zip without folders.  Raises UsageError
        where there is nothing at `path`, DataError where it cannot be read.
        """
        path = Path(path)
        if path.is_dir() or path.name.lower().endswith(TABLE_SUFFIXES):
            if (label, split, group) != (None, None, None):
                raise UsageError(
                    f"{printable(str(path))} has labels, splits and groups of its own: leave all "
                    "three out"
                )
            return add_folder(self.project, str(path.absolute()))
        if not path.is_file():
            raise UsageError(
                f"there is no {printable(str(path))}: name an image, .zip, folder or table"
            )
        options = UploadOptions(path.name, label, group, split=split)
        return take_upload(self.project, self.thumbnails, path, options, progress=progress)

    def export(self, folder: str | Path, *, progress: Progress = silent) -> int:
        """Copy the images into folders named by class at a new place; returns how many."""
        copied, _ = export_folders(self.project, str(Path(folder).absolute()), progress=progress)
        return copied

    def to_csv(self) -> str:
        """The images that are not left out as a CSV table."""
        return project_csv(self.project)

    def write_table(self, path: str | Path) -> None:
        """The labelled images as a table for `foveal.train`, a .jsonl file.

        Raises UsageError for another suffix, DataError where fewer than two classes have images.
        """
        path = Path(path)
        if path.suffix != ".jsonl":
            raise UsageError(
                f"the table of a project is a .jsonl file, and {printable(str(path))} is none"
            )
        write_atomic(path, training_table(self.project))


@contextlib.contextmanager
def open_project(name: str, workspace: str | Path = DEFAULT_FOLDER) -> Iterator[OpenProject]:
    """The project `name` (or its id) of a workspace, until the block ends.

    Raises UsageError where there is none, Error where a studio has the workspace open.
    """
    folder = Path(workspace)
    if not (folder / WORKSPACE_FILE).is_file():
        raise UsageError(
            f"{printable(str(folder))} is no workspace of the studio: name the folder that "
            "'foveal studio' has made"
        )
    with open_workspace(folder) as opened, contextlib.ExitStack() as stack:
        found = _find(opened, name)
        project = Project(opened.project_folder(found), found)
        stack.callback(project.close)
        thumbnails = Thumbnails(project.folder)
        stack.callback(thumbnails.close)
        yield OpenProject(project, thumbnails)


def _find(workspace: Workspace, name: str) -> str:
    names = {known: project for project, known in workspace.project_names().items()}
    if name in names.values():
        return name
    if name not in names:
        raise UsageError(
            f"the workspace {printable(str(workspace.folder))} has no project '{printable(name)}'"
            f"{did_you_mean(name, list(names))}"
        )
    return names[name]
