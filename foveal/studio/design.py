"""Designs of a project's images, made in a process of their own and kept while nothing changes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from foveal.model.architecture import load_network
from foveal.pretrained.start import installed_names
from foveal.progress import Progress
from foveal.spec.yaml import dump_yaml
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import write_training_table
from foveal.studio.tasks.process import one_at_a_time, run_child
from foveal.studio.tasks.tasks import TaskProgress
from foveal.verbs.design import design

DESIGN_TABLE = "design.jsonl"
"""The images of the newest design, in the folder of the project."""
_MAX_KEPT = 64


class Designs:
    """Makes one design at a time and keeps the newest.  For several threads."""

    def __init__(self) -> None:
        self._working, self._lock = threading.Lock(), threading.Lock()
        self._known: dict[tuple[object, ...], dict[str, Any]] = {}

    def of(
        self, project: Project, minutes: float | None, start_from: str, progress: TaskProgress
    ) -> dict[str, Any]:
        """The network, recipe and reasons of `foveal design` for the project as it is now.

        start_from: as `foveal design` takes it.  Raises Error where it fails, Cancelled where a
        person ended it; nothing is kept then.
        """
        with project.lock:
            revision = project.revision
        key = (project.folder, revision, minutes, start_from, tuple(installed_names()))
        known = self._get(key)
        if known is not None:
            return known
        with one_at_a_time(self._working, progress, "designing", "waiting for another design"):
            known = self._get(key)  # the other may have been the same
            if known is not None:
                return known
            progress("designing", 0, None)  # shown, and cancelled, while the process begins
            table = project.folder / DESIGN_TABLE
            write_training_table(project, table)
            request = {"table": str(table), "minutes": minutes, "start_from": start_from}
            found = run_child("design", request, progress)
        with self._lock:
            if len(self._known) >= _MAX_KEPT:
                self._known.clear()
            self._known[key] = found
        return found

    def _get(self, key: tuple[object, ...]) -> dict[str, Any] | None:
        with self._lock:
            return self._known.get(key)


def design_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """`foveal design` of `table`, in the process of the work."""
    result = design(
        request["table"],
        minutes=request["minutes"],
        start_from=request["start_from"],
        progress=progress,
    )
    return {
        "yaml": dump_yaml(result.network.to_data()),
        "recipe": result.recipe.model_dump(mode="json", exclude_defaults=True),
        "recipe_reasons": dict(result.recipe_reasons),
        "reasons": [each for each in result.reasons if not each.startswith("recipe.")],
        "start_from": result.start_from,
    }


def network_of_model(model: Path) -> dict[str, Any]:
    """The same of a run that goes on from `model`: its own network, and nothing of a recipe."""
    return {
        "yaml": dump_yaml(load_network(model).to_data()),
        "recipe": {},
        "recipe_reasons": {},
        "reasons": [],
        "start_from": "scratch",
    }
