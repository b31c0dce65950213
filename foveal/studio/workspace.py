"""The workspace: the folder that holds the studio's projects, open in one studio at a time."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from foveal.errors import DataError, Error, UsageError
from foveal.filelock import try_lock
from foveal.files import read_at_most, write_atomic
from foveal.studio.names import clean_name
from foveal.studio.secret import make_secret

DEFAULT_FOLDER = "foveal-studio"
FORMAT = 1
WORKSPACE_FILE, LOCK, ADDRESS, COOKIE = "workspace.json", "studio.lock", "address", "cookie"
TRASH, PROJECT_FILE = "trash", "project.json"
_ID = re.compile(r"[0-9a-f]{8}")
_MAX_BYTES = 1 << 20
"""Of a file of the workspace that is read."""


@dataclass(frozen=True)
class Workspace:
    """`folder` holds projects/ID/project.json and what belongs to each.

    lock: held while a name is chosen or a folder is moved, so that of two requests one is first.
    """

    folder: Path
    lock: threading.RLock = field(default_factory=threading.RLock, compare=False, repr=False)

    def project_ids(self) -> list[str]:
        """The ids of all projects, oldest first."""
        found = (self.folder / "projects").glob(f"*/{PROJECT_FILE}")
        return sorted(
            (each.parent.name for each in found if _ID.fullmatch(each.parent.name)),
            key=lambda project: (self._created(project), project),
        )

    def project_folder(self, project: str) -> Path:
        """The folder of a project.  Raises UsageError where there is none of this id."""
        folder = self.folder / "projects" / project
        if not _ID.fullmatch(project) or not os.path.lexists(folder / PROJECT_FILE):
            raise UsageError("there is no project of this id in the workspace; reload the page")
        return folder

    def project_facts(self, project: str) -> dict[str, Any]:
        """`name` and `created` (seconds since 1970) of a project."""
        path = self.project_folder(project) / PROJECT_FILE
        facts = _read_json(path)
        if not isinstance(facts.get("name"), str):
            raise _foreign(path)
        return facts

    def project_names(self) -> dict[str, str]:
        """The name of each project by its id, oldest first; the id where it cannot be read."""
        return {project: self._name(project) for project in self.project_ids()}

    def create_project(self, name: str) -> str:
        """A new project without images; returns its id.  Raises UsageError on a wrong name."""
        with self.lock:
            name = self._free_name(name)
            project = secrets.token_hex(4)
            facts = {"name": name, "created": time.time()}
            write_atomic(self.folder / "projects" / project / PROJECT_FILE, json.dumps(facts))
        return project

    def rename_project(self, project: str, name: str) -> None:
        """Give a project another name.  Raises UsageError on a wrong one."""
        with self.lock:
            facts = self.project_facts(project)
            facts["name"] = self._free_name(name, but=project)
            write_atomic(self.project_folder(project) / PROJECT_FILE, json.dumps(facts))

    def discard(self, folder: Path, name: str) -> None:
        """Move a folder of the workspace into its trash, as `name` or with a number behind `~`.

        Raises UsageError where it is not there any more.
        """
        trash = self.folder / TRASH
        with self.lock:
            if not os.path.lexists(folder):
                raise UsageError("this was removed meanwhile; reload the page")
            trash.mkdir(exist_ok=True)
            names = (name if number == 1 else f"{name}~{number}" for number in count(1))
            free = next(each for each in names if not os.path.lexists(trash / each))
            folder.rename(trash / free)  # shutil.move would put it into a folder that is there

    def _name(self, project: str) -> str:
        with contextlib.suppress(Error):
            return str(self.project_facts(project)["name"])
        return project

    def _created(self, project: str) -> float:
        with contextlib.suppress(Error, KeyError, TypeError, ValueError, OverflowError):
            created = float(self.project_facts(project)["created"])
            return created if math.isfinite(created) else 0.0
        return 0.0

    def _free_name(self, name: str, but: str = "") -> str:
        name = clean_name(name, "project")
        if name in {known for each, known in self.project_names().items() if each != but}:
            raise UsageError(f"there is a project '{name}' already: choose another name")
        return name


@contextlib.contextmanager
def open_workspace(folder: Path) -> Iterator[Workspace]:
    """Create or open the workspace and hold its lock.

    Raises UsageError where `folder` is something else, DataError where it is of a newer Foveal,
    Error where another studio has it open, with the address of that one.
    """
    folder = folder.absolute()
    _refuse_other_folder(folder)
    try:
        (folder / "projects").mkdir(parents=True, exist_ok=True)
        if not (folder / WORKSPACE_FILE).exists():
            write_atomic(folder / WORKSPACE_FILE, json.dumps({"format": FORMAT}))
    except OSError as error:
        raise Error(
            f"cannot write into {folder}: {error.strerror}; choose another folder"
        ) from error
    with try_lock(folder / LOCK) as is_mine:
        if not is_mine:
            raise Error(
                f"another studio has {folder} open, at {_other_address(folder)} ; use that one, "
                "stop it, or choose another folder"
            )
        yield Workspace(folder)


def write_address(workspace: Workspace, url: str) -> None:
    """Note the address of this studio, with its token, where only its owner can read it."""
    _write_private(workspace.folder / ADDRESS, url)


def workspace_cookie(workspace: Workspace) -> str:
    """The cookie's value of this workspace, the same after a restart."""
    path = workspace.folder / COOKIE
    with contextlib.suppress(OSError, ValueError):
        kept = _read(path)
        if re.fullmatch(r"[A-Za-z0-9_-]{43}", kept):
            return kept
    cookie = make_secret()
    _write_private(path, cookie)
    return cookie


def _refuse_other_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder for the studio's projects")
    if (folder / WORKSPACE_FILE).exists():
        given = _read_json(folder / WORKSPACE_FILE).get("format")
        if given != FORMAT:
            raise DataError(
                f"the workspace {folder} has the format {given}, and this Foveal reads {FORMAT}: "
                "update Foveal"
            )
    elif any(folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty and no workspace of the studio: name a new folder for its "
            "projects; images that lie in a folder are added inside the studio"
        )


def _other_address(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return _read(folder / ADDRESS)
    return "an unknown address"


def _write_private(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


def _read(path: Path) -> str:
    """The text of a file.  Raises OSError, also for what is no file, and ValueError."""
    content = read_at_most(path, _MAX_BYTES)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
    return content.decode("utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_read(path))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read; restore it from a copy") from error
    if not isinstance(data, dict):
        raise _foreign(path)
    return data


def _foreign(path: Path) -> DataError:
    return DataError(f"{path} is not what the studio wrote; restore it from a copy")
