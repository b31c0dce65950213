"""What was done in a project, as lines that do the same: of its journal, its runs and a file.

The file keeps the lines of what neither of them knows, such as an export or an explanation.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import DataError, Error
from foveal.studio.kept import read_kept, write_kept
from foveal.studio.project.project import Project
from foveal.studio.project.recent import MOST
from foveal.studio.repeat import repeat_change, repeat_upload
from foveal.studio.runs.folders import run_folders
from foveal.studio.runs.request import read_request, repeat_training
from foveal.studio.workspace import Workspace
from foveal.text import escape_surrogates

FILE = "repeat.json"
_keeping = threading.Lock()


class _Kept(TypedDict):
    """at: seconds since 1970.  needs: a path without which the line does nothing."""

    at: float
    needs: str
    command: str
    python: str


_KIND = TypeAdapter(list[_Kept])


def keep_line(project: Project, needs: Path, same: dict[str, str]) -> dict[str, str]:
    """Keep a line that was done just now, `command` and `python`; returns it.

    needs: the model or table it takes.  Where it cannot be written, what was done stays done.
    """
    with _keeping, contextlib.suppress(Error):
        known = read_kept(project.folder / FILE, _KIND) or []
        if not known or known[-1]["command"] != same["command"]:  # a webcam predicts all the time
            others = [one for one in known if one["command"] != same["command"]]
            texts = {"needs": str(needs), **same}  # a name that is no text would hide all lines
            line = {"at": time.time(), **{key: escape_surrogates(texts[key]) for key in texts}}
            write_kept(project.folder / FILE, [*others, line][-MOST:])
    return same


def repeat_lines(workspace: Workspace, project: Project) -> list[dict[str, str]]:
    """`command` and `python` of the newest that was done in a project, the newest first."""
    name = str(workspace.project_facts(project.id)["name"])
    found = [
        *_changes(workspace, project, name),
        *_runs(project),
        *(
            (one["at"], {"command": one["command"], "python": one["python"]})
            for one in read_kept(project.folder / FILE, _KIND) or []
            if os.path.exists(one["needs"])  # noqa: PTH110 - a Path raises on some names
        ),
    ]
    found.sort(key=lambda line: -line[0])
    return [line for _, line in found[:MOST]]


def _changes(
    workspace: Workspace, project: Project, name: str
) -> Iterator[tuple[float, dict[str, str]]]:
    with project.lock:
        entries = reversed([*project.recent])  # sorting keeps the order of the same moment
    for entry in entries:
        values: dict[str, Any] = {key: value for key, value in entry.items() if key != "sum"}
        at = float(values.pop("at", None) or 0)
        if values["op"] == "add":
            line = repeat_upload(workspace, name, **values["given"])
        else:
            line = repeat_change(workspace, name, values)
        if line:
            yield at, line


def _runs(project: Project) -> Iterator[tuple[float, dict[str, str]]]:
    for folder in run_folders(project.folder):
        try:
            request = read_request(folder)
        except DataError:  # the list of runs tells it
            continue
        yield request.created, repeat_training(folder, request)
