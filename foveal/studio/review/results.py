"""Which models a project has, and the state of what is kept of its review."""

from __future__ import annotations

import contextlib
from pathlib import Path

from foveal.rundir import MODEL_FILE
from foveal.studio.runs.folders import RUNS
from foveal.studio.tasks.tasks import Task


def newest_models(folder: Path) -> list[str]:
    """The native model files of a project's runs, the newest first."""
    found = []
    for path in folder.glob(f"{RUNS}/*/{MODEL_FILE}"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, str(path)))
    return [path for _, path in sorted(found, reverse=True)]


def result_state(kept: object, task: Task | None) -> str:
    """The state of what is kept and of the newest task that makes it; kept: None for nothing."""
    if task is not None and (task.state != "done" or kept is None):
        return task.state
    return "none" if kept is None else "done"
