"""The trash of the workspace: removed projects and runs, until they are brought back or emptied."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from foveal.errors import Error, UsageError
from foveal.studio.kept import read_kept
from foveal.studio.runs.folders import RUNS
from foveal.studio.runs.request import read_request
from foveal.studio.workspace import TRASH, Workspace

_KEY = re.compile(r"(?P<project>[0-9a-f]{8})(-(?P<run>\d{8}-\d{6}(-\d+)?))?", re.ASCII)
_FACTS = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Trash:
    """What lies in the trash of one workspace; the key of each is the name of its folder."""

    workspace: Workspace

    def listed(self) -> list[dict[str, Any]]:
        """Everything in it, the newest first: key, project, and the name as it was.

        run: id of a removed run, None for a project.  project_name: of the project that a run
        belongs to; None where that one is not there, so that the run cannot be brought back yet.
        """
        found = []
        for folder in self._folders():
            project, run = _parts(folder.name)
            facts = {"key": folder.name, "project": project, "run": run}
            if run is None:
                name = _project_name(folder)
                found.append({**facts, "name": name, "project_name": name})
            else:
                names = self._names()
                found.append(
                    {**facts, "name": _run_name(folder), "project_name": names.get(project)}
                )
        return found

    def restore(self, key: str) -> tuple[str, str | None]:
        """Bring one back where it was; the ids of its project and run (None: all of a project).

        A project whose name another one has now gets a number.  Raises UsageError where there is
        none of this key, or the project of a run is not there.
        """
        folder = next((each for each in self._folders() if each.name == key), None)
        if folder is None:
            raise UsageError("this is no longer in the trash; reload the page")
        project, run = _parts(key)
        if run is None:
            name = self._free_name(_project_name(folder))
            shutil.move(folder, self.workspace.folder / "projects" / project)
            if name != self.workspace.project_facts(project)["name"]:
                self.workspace.rename_project(project, name)
            return project, None
        if project not in self.workspace.project_ids():
            raise UsageError("the project of this run is in the trash too: bring it back first")
        target = self.workspace.project_folder(project) / RUNS / run
        target.parent.mkdir(exist_ok=True)
        shutil.move(folder, target)
        return project, run

    def empty(self) -> None:
        """Delete everything in it from the disk."""
        for folder in self._folders():
            shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        """Folders that the studio has put there, those removed last first."""
        found = (self.workspace.folder / TRASH).glob("*")
        ours = [each for each in found if _KEY.fullmatch(each.name) and each.is_dir()]
        return sorted(ours, key=lambda each: each.stat().st_ctime_ns, reverse=True)

    def _names(self) -> dict[str, str]:
        names = {}
        for project in self.workspace.project_ids():
            try:
                names[project] = str(self.workspace.project_facts(project)["name"])
            except Error:
                names[project] = project
        return names

    def _free_name(self, name: str) -> str:
        taken = set(self._names().values())
        free = (name if number == 1 else f"{name} ({number})" for number in count(1))
        return next(each for each in free if each not in taken)


def _parts(key: str) -> tuple[str, str | None]:
    found = _KEY.fullmatch(key)
    assert found is not None
    return found["project"], found["run"]


def _project_name(folder: Path) -> str:
    facts = read_kept(folder / "project.json", _FACTS) or {}
    return str(facts.get("name", folder.name))


def _run_name(folder: Path) -> str:
    run = folder.name.partition("-")[2]
    try:
        return read_request(folder).name or run
    except Error:
        return run
