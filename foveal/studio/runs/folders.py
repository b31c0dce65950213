"""The folders of the runs of a project, one of which may be the start of another.

A run's id is the name of its folder.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from foveal.errors import UsageError
from foveal.pretrained.catalog import CATALOG
from foveal.pretrained.start import AUTO, SCRATCH
from foveal.rundir import MODEL_FILE
from foveal.studio.runs.request import REQUEST_FILE
from foveal.text import printable

RUNS = "runs"
FindFolder = Callable[[Path], Path]
RUN_START = "run:"
"""Before the id of a run whose model is the start of another."""
RUN_ID = r"^[0-9]{8}-[0-9]{6}(-[0-9]+)?$"
_ID = re.compile(RUN_ID)


def run_folder(project: Path, run: str) -> Path:
    """The folder of a run.  Raises UsageError where there is none of this id."""
    folder = project / RUNS / run
    if not _ID.fullmatch(run) or not (folder / REQUEST_FILE).is_file():
        raise UsageError("there is no run of this id in the project; reload the page")
    return folder


def run_folders(project: Path) -> list[Path]:
    """The folders of all runs of a project, the newest first."""
    return sorted((path.parent for path in project.glob(f"{RUNS}/*/{REQUEST_FILE}")), reverse=True)


def new_run_folder(project: Path) -> Path:
    """Make the folder of a new run; its name is the time, with a number where that is taken."""
    (project / RUNS).mkdir(exist_ok=True)
    name = time.strftime("%Y%m%d-%H%M%S")
    for number in count(1):
        folder = project / RUNS / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
            break
        except FileExistsError:
            continue
    return folder


def start_file(project: Path, name: str, model_folder: FindFolder = lambda run: run) -> str:
    """What a new run starts from: of `run:ID` the model file of that run.

    model_folder: the folder with the model to take, by that of the run.  Raises UsageError where it
    has none, and for any other file: none of the machine is a start.
    """
    if name.startswith(RUN_START):
        model = model_folder(run_folder(project, name.removeprefix(RUN_START))) / MODEL_FILE
        if not model.is_file():
            raise UsageError("that run has no model yet; wait for its first epoch")
        return str(model)
    if name not in (AUTO, SCRATCH, *CATALOG):
        raise UsageError(
            f"a run cannot start from '{printable(name[:80])}'; choose {AUTO}, {SCRATCH}, a "
            "pretrained network or a run of this project"
        )
    return name
