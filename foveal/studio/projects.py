"""The projects of a workspace that are open, and the counts of those that are not."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import Error
from foveal.studio.events import Events
from foveal.studio.kept import read_kept, write_kept
from foveal.studio.pixels import real_file
from foveal.studio.project.project import JOURNAL, Project
from foveal.studio.runs.folders import run_folders
from foveal.studio.thumbnails import Thumbnails
from foveal.studio.uploads.upload import clear_incoming
from foveal.studio.workspace import Workspace

COUNTS = "counts.json"


class _Counts(TypedDict):
    """size: bytes of the journal that was counted."""

    size: int
    images: int
    classes: int


_COUNTS = TypeAdapter(_Counts)


class Projects:
    """Opens each project once; its methods may be called from any thread."""

    def __init__(self, workspace: Workspace, events: Events) -> None:
        self._workspace, self._events = workspace, events
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}  # each held while one is opened
        self._open: dict[str, Project] = {}
        self._thumbnails: dict[str, Thumbnails] = {}

    def get(self, project: str) -> Project:
        """The project of an id.  Raises UsageError where there is none, DataError as Project."""
        self._workspace.project_folder(project)  # an unknown id gets no lock
        with self._opening_lock(project):
            folder = self._workspace.project_folder(project)
            with self._lock:
                opened = self._open.get(project)
            if opened is None:

                def publish(revision: int) -> None:
                    self._events.publish(project, "project", {"revision": revision})

                opened = Project(folder, project, publish)
                clear_incoming(opened)
                with self._lock:
                    self._open[project] = opened
            return opened

    def _opening_lock(self, project: str) -> threading.Lock:
        with self._lock:
            return self._opening.setdefault(project, threading.Lock())

    def opened(self) -> list[str]:
        """The ids of the projects that are open."""
        with self._lock:
            return list(self._open)

    def thumbnails(self, project: str) -> Thumbnails:
        """The thumbnails of a project."""
        folder = self._workspace.project_folder(project)
        with self._lock:
            if project not in self._thumbnails:
                self._thumbnails[project] = Thumbnails(folder)
            return self._thumbnails[project]

    def image_path(self, project: str, image: int) -> Path:
        """The real file of an image.

        Raises UsageError where there is no image of this id, ImageError where it is gone or leads
        out of the folder that was added.
        """
        return real_file(*self.get(project).location(image))

    def close(self, project: str) -> None:
        """Close a project, such as before it is moved to the trash."""
        with self._opening_lock(project), self._lock:
            opened = self._open.pop(project, None)
            thumbnails = self._thumbnails.pop(project, None)
        if thumbnails is not None:
            thumbnails.close()
        if opened is not None:
            opened.close()

    def close_all(self) -> None:
        """Close every project: the studio stops."""
        with self._lock:
            known = {*self._open, *self._thumbnails}
        for project in known:
            self.close(project)

    def listed(self, project: str) -> dict[str, Any]:
        """A project as a list shows it: id, name, images, classes, runs; `error` where damaged."""
        folder = self._workspace.project_folder(project)
        name, runs = project, len(run_folders(folder))
        try:
            name = self._workspace.project_facts(project)["name"]
            counts = self._counts(project)
        except Error as error:
            nothing = {"images": 0, "classes": 0}
            return {"id": project, "name": name, **nothing, "runs": runs, "error": str(error)}
        return {"id": project, "name": name, **counts, "runs": runs, "error": None}

    def facts(self, project: str) -> dict[str, Any]:
        """A project as its own page shows it: id, name and `Project.summary`."""
        name = self._workspace.project_facts(project)["name"]
        return {"id": project, "name": name, **self.get(project).summary()}

    def delete(self, project: str) -> None:
        """Move a project, with its journal, into the trash of the workspace."""
        folder = self._workspace.project_folder(project)
        self.close(project)
        self._workspace.discard(folder, project)
        self.close(project)  # a request may have opened it in between

    def _counts(self, project: str) -> dict[str, int]:
        """Images and classes; from a file while the journal is as long as when it was written."""
        folder = self._workspace.project_folder(project)
        size = self._size(project)
        kept = read_kept(folder / COUNTS, _COUNTS)
        if kept is not None and kept["size"] == size:
            return {"images": kept["images"], "classes": kept["classes"]}
        opened = self.get(project)
        with opened.lock:
            summary, size = opened.summary(), self._size(project)
        counts = {"images": summary["images"], "classes": len(summary["classes"])}
        with contextlib.suppress(Error):
            write_kept(folder / COUNTS, {"size": size, **counts})
        return counts

    def _size(self, project: str) -> int:
        journal = self._workspace.project_folder(project) / JOURNAL
        with contextlib.suppress(OSError):
            return journal.stat().st_size
        return 0
