"""What the routes of one studio share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from starlette.requests import Request

from foveal.serving.logs import Log
from foveal.studio.design import Designs
from foveal.studio.events import Events
from foveal.studio.hyperparameters import Choices
from foveal.studio.input_warnings import InputWarnings
from foveal.studio.models.class_names import NamedRun, RenamedMeanwhile, name_run
from foveal.studio.models.lens import FOLDER, Lenses
from foveal.studio.models.loaded import LoadedModels
from foveal.studio.models.servers import Servers
from foveal.studio.project.project import Project
from foveal.studio.projects import Projects
from foveal.studio.runs.control import RunControl
from foveal.studio.security import Access
from foveal.studio.tasks.tasks import Tasks
from foveal.studio.tasks.temporary import remove_left_folders
from foveal.studio.tasks.warm import WarmChild
from foveal.studio.thumbnail_maker import ThumbnailMaker
from foveal.studio.trash import Trash
from foveal.studio.workspace import Workspace

_Result = TypeVar("_Result")
_MOST_RENAMED = 3


@dataclass(frozen=True)
class StudioState:
    """One open workspace, who may use it, and what goes on in it."""

    workspace: Workspace
    access: Access
    log: Log
    events: Events
    projects: Projects
    tasks: Tasks
    runs: RunControl
    thumbnail_maker: ThumbnailMaker
    lenses: Lenses
    input_warnings: InputWarnings
    trash: Trash
    models: LoadedModels = field(default_factory=LoadedModels)
    servers: Servers = field(default_factory=Servers)
    proposer: WarmChild = field(default_factory=lambda: WarmChild("queue"))
    designs: Designs = field(default_factory=Designs)
    choices: Choices = field(default_factory=Choices)

    def project(self, request: Request) -> Project:
        """The project that the path of a request names.  Raises as `Projects.get`."""
        return self.projects.get(request.path_params["project"])

    def run(self, request: Request) -> Path:
        """The folder of the run that the path names.  Raises UsageError where there is none."""
        return self.runs.folder(request.path_params["project"], request.path_params["run"])

    def named_run(self, request: Request) -> NamedRun:
        """The same run, its model under the names that the classes have today."""
        return name_run(self.project(request), self.run(request))

    def with_named_run(self, request: Request, work: Callable[[NamedRun], _Result]) -> _Result:
        """What `work` gives for that run; it is done again where classes are renamed meanwhile."""
        for _ in range(_MOST_RENAMED):
            with contextlib.suppress(RenamedMeanwhile):
                return work(self.named_run(request))
        return work(self.named_run(request))

    def end_work(self, folder: Path, project: str, run: str | None = None) -> None:
        """End the work and the servers of a project, or of one run, whose folder is removed.

        What they would write would lie where the folder was.
        """
        self.tasks.end_of(project, run)
        self.servers.stop_below(folder)

    def close(self) -> None:
        """End the work and close the files: the studio stops."""
        self.thumbnail_maker.close()
        self.tasks.close()
        self.servers.close()
        self.runs.close()
        self.lenses.close()
        self.proposer.close()
        self.choices.close()
        self.projects.close_all()


def create_state(workspace: Workspace, access: Access, log: Log) -> StudioState:
    """The state of a studio that starts."""
    remove_left_folders()
    events = Events()
    projects = Projects(workspace, events)
    runs = RunControl(workspace, events)
    runs.start()
    maker = ThumbnailMaker(projects, runs.is_training)
    maker.start()
    tasks = Tasks(events, log)
    lenses = Lenses(workspace.folder / FOLDER)
    warnings, trash = InputWarnings(projects), Trash(workspace)
    threading.Thread(target=trash.delete_emptied, name="trash", daemon=True).start()
    return StudioState(
        workspace, access, log, events, projects, tasks, runs, maker, lenses, warnings, trash
    )
