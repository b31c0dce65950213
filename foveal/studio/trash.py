"""The trash of the workspace: removed projects and runs, until they are brought back or emptied."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from foveal.errors import Error, UsageError
from foveal.files import write_atomic
from foveal.studio.kept import read_kept
from foveal.studio.names import MAX_NAME_LENGTH, clean_name
from foveal.studio.runs.folders import RUNS
from foveal.studio.runs.request import read_request
from foveal.studio.workspace import PROJECT_FILE, TRASH, Workspace

_KEY = re.compile(r"(?P<project>[0-9a-f]{8})(-(?P<run>\d{8}-\d{6}(-\d+)?))?(~\d+)?", re.ASCII)
_EMPTIED = re.compile(r"emptied-[0-9a-f]{16}")
"""A folder that is being deleted, or whose deletion was cut off."""
_FACTS = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Trash:
    """What lies in the trash of one workspace; the key of each is the name of its folder."""

    workspace: Workspace
    _deleting: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def listed(self) -> list[dict[str, Any]]:
        """Everything in it, the newest first: key, project, and the name as it was.

        run: id of a removed run, None for a project.  project_name: of the project that a run
        belongs to; None where that one is not there, so that the run cannot be brought back yet.
        """
        found, names = [], self.workspace.project_names()
        for folder in self._folders():
            project, run = _parts(folder.name)
            facts = {"key": folder.name, "project": project, "run": run}
            if run is None:
                name = _project_name(folder)
                found.append({**facts, "name": name, "project_name": name})
            else:
                found.append(
                    {**facts, "name": _run_name(folder), "project_name": names.get(project)}
                )
        return found

    def restore(self, key: str) -> tuple[str, str | None]:
        """Bring one back where it was; the ids of its project and run (None: all of a project).

        A project whose name another one has now gets a number.  Raises UsageError where there is
        none of this key, or the project of a run is not there.
        """
        with self.workspace.lock:
            return self._restore(key)

    def _restore(self, key: str) -> tuple[str, str | None]:
        folder = next((each for each in self._folders() if each.name == key), None)
        if folder is None:
            raise UsageError("this is no longer in the trash; reload the page")
        project, run = _parts(key)
        if run is None:
            self._restore_project(folder, self.workspace.folder / "projects" / project)
            return project, None
        if project not in self.workspace.project_ids():
            raise UsageError("the project of this run is in the trash too: bring it back first")
        target = self.workspace.project_folder(project) / RUNS / run
        target.parent.mkdir(exist_ok=True)
        _move(folder, target)
        return project, run

    def _restore_project(self, folder: Path, target: Path) -> None:
        known = _facts(folder)
        name = self._free_name(_project_name(folder))
        _move(folder, target)
        if name != known.get("name"):  # taken, or no name that a project can have
            facts = {"created": time.time(), **known, "name": name}
            write_atomic(target / PROJECT_FILE, json.dumps(facts))

    def empty(self) -> None:
        """Delete everything in it from the disk.  Raises Error where something cannot be."""
        with self.workspace.lock:  # not while it is deleted: that may take minutes
            left = [folder for folder in self._folders() if not _set_apart(folder)]
        left += self.delete_emptied()
        if left:
            raise Error(f"{left[0]} cannot be deleted: delete it by hand")

    def delete_emptied(self) -> list[Path]:
        """Delete what was emptied from the disk, also before a crash; returns what is left."""
        with self._deleting:
            folders = self._matching(_EMPTIED)
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
            return [folder for folder in folders if folder.exists()]

    def _folders(self) -> list[Path]:
        """Folders that the studio has put there, those removed last first."""
        return sorted(self._matching(_KEY), key=_changed_at, reverse=True)

    def _matching(self, name: re.Pattern[str]) -> list[Path]:
        found = (self.workspace.folder / TRASH).glob("*")
        return [
            each
            for each in found
            if name.fullmatch(each.name) and each.is_dir() and not each.is_symlink()
        ]

    def _free_name(self, name: str) -> str:
        taken = set(self.workspace.project_names().values())
        ends = ("" if number == 1 else f" ({number})" for number in count(1))
        free = (f"{name[: MAX_NAME_LENGTH - len(end)]}{end}" for end in ends)
        return next(each for each in free if each not in taken)


def _parts(key: str) -> tuple[str, str | None]:
    found = _KEY.fullmatch(key)
    assert found is not None
    return found["project"], found["run"]


def _project_name(folder: Path) -> str:
    """The name as a project can have it, whatever was written there by hand."""
    try:
        return clean_name(str(_facts(folder).get("name", ""))[:MAX_NAME_LENGTH], "project")
    except Error:
        return _parts(folder.name)[0]


def _facts(folder: Path) -> dict[str, Any]:
    return read_kept(folder / PROJECT_FILE, _FACTS) or {}


def _changed_at(folder: Path) -> int:
    with contextlib.suppress(OSError):  # removed meanwhile
        return folder.stat().st_ctime_ns
    return 0


def _move(folder: Path, target: Path) -> None:
    """Move a folder to where nothing is; raises UsageError where something is."""
    if os.path.lexists(target):
        raise UsageError(
            f"there is something at {target} already: move that away, then bring this back"
        )
    folder.rename(target)


def _set_apart(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.rename(folder.with_name(f"emptied-{secrets.token_hex(8)}"))
        return True
    return False


def _run_name(folder: Path) -> str:
    run = _parts(folder.name)[1] or folder.name
    try:
        return read_request(folder).name or run
    except Error:
        return run
