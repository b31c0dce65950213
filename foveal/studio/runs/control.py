"""All runs of the studio: start, pause, go on, finish, extend; and a thread that watches them.

What is asked of a run stands in its folder, so that a studio that was killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foveal.errors import DataError, Error, UsageError
from foveal.filelock import lock_holder
from foveal.model.file import read_manifest
from foveal.rundir import MODEL_FILE
from foveal.studio.events import Events
from foveal.studio.kept import unless_removed
from foveal.studio.runs.curves import newest_step
from foveal.studio.runs.folders import (
    RUN_START,
    FindFolder,
    new_run_folder,
    run_folder,
    run_folders,
    start_file,
)
from foveal.studio.runs.length import check_length, length_so_far
from foveal.studio.runs.pace import pause_after
from foveal.studio.runs.process import start_process, stop_process
from foveal.studio.runs.request import (
    TABLE_FILE,
    RunRequest,
    check_request,
    read_request,
    train_arguments,
    write_request,
)
from foveal.studio.runs.snapshot import Snapshot, newest_snapshot
from foveal.studio.runs.status import RunStatus, run_status
from foveal.studio.workspace import Workspace

WATCH_SECONDS = 1.0


@dataclass
class _Watched:
    """A run that is going on. published: what was last told of it."""

    project: str
    published: tuple[Any, ...] = ()


@dataclass
class RunControl:
    """The runs of one workspace; `start` begins to watch them. Safe to use from several threads."""

    workspace: Workspace
    events: Events
    _children: dict[Path, subprocess.Popen[bytes]] = field(default_factory=dict)
    _watched: dict[Path, _Watched] = field(default_factory=dict)
    _snapshots: dict[Path, Snapshot] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Watch runs in a thread of its own, those that a former studio has started as well."""
        threading.Thread(target=self._watch, name="runs", daemon=True).start()

    def close(self) -> None:
        """Stop watching; the runs go on."""
        self._stopped.set()

    def folder(self, project: str, run: str) -> Path:
        """The folder of a run.  Raises UsageError where there is none of this id."""
        return run_folder(self.workspace.project_folder(project), run)

    def folders(self, project: str) -> list[Path]:
        """The folders of all runs of a project, the newest first."""
        return run_folders(self.workspace.project_folder(project))

    def create(
        self,
        project: str,
        request: RunRequest,
        write_table: Callable[[Path], None],
        model_folder: FindFolder = lambda run: run,
    ) -> RunStatus:
        """Start a new run on the table that `write_table` writes.

        model_folder: as `start_file` takes it.  Raises UsageError for a wrong value, and what
        `write_table` raises.
        """
        parent = self.workspace.project_folder(project)
        with unless_removed(parent):
            start, created = start_file(parent, request.start_from, model_folder), time.time()
            request = request.model_copy(update={"start_from": start, "created": created})
            check_request(request)
            folder = new_run_folder(parent)
            try:
                write_table(folder / TABLE_FILE)
                write_request(folder, request)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)  # removed already with its project
                raise
            with self._lock:
                self._begin(project, folder, request)
            return self.status(folder)

    def retrain_head(
        self,
        project: str,
        run: str,
        write_table: Callable[[Path], None],
        model_folder: FindFolder = lambda run: run,
    ) -> RunStatus:
        """Fit the output layer of a run's network to the labels as they are now, as a new run.

        Its other layers stay as they are, so that it takes seconds, and what was chosen by looking
        at the images stays too: choosing it again would take most of them.  Raises as `create`.
        """
        folder = self.folder(project, run)
        known = read_request(folder)
        recipe = {**_chosen(folder), "linear_probe": "on", "fine_tune": "off"}
        request = RunRequest(
            name=f"{known.name or run}, new head",
            start_from=f"{RUN_START}{run}",
            recipe=recipe,
            seed=known.seed,
            device=known.device,
        )
        return self.create(project, request, write_table, model_folder)

    def _begin(self, project: str, folder: Path, request: RunRequest) -> None:
        write_request(folder, request.model_copy(update={"asked": ""}))
        self._children[folder] = start_process(folder, train_arguments(folder, request))
        self._watched[folder] = _Watched(project)

    def status(self, folder: Path) -> RunStatus:
        """What a run is doing now."""
        with self._lock:
            alive = self._is_alive(folder)
            # a run that goes on writes many, and its lines of steps say all that is new in them
            snapshot = None if alive and newest_step(folder) else self.snapshot(folder)
            return run_status(folder, read_request(folder), snapshot, alive=alive)

    def snapshot(self, folder: Path) -> Snapshot | None:
        """The newest checkpoint of a run; None where there is none yet."""
        with self._lock:
            snapshot = newest_snapshot(folder, self._snapshots.get(folder))
            if snapshot is not None:
                self._snapshots[folder] = snapshot
            return snapshot

    def statuses(self, project: str) -> list[RunStatus]:
        """Every run of a project that can be read, the newest first."""
        found = []
        for folder in self.folders(project):
            try:
                found.append(self.status(folder))
            except (DataError, OSError):
                continue
        return found

    def _is_alive(self, folder: Path) -> bool:
        child = self._children.get(folder)
        if child is not None:
            if child.poll() is None:
                return True
            self._children.pop(folder, None)  # by another thread, it may be gone already
        return lock_holder(folder) is not None

    def pause(self, folder: Path) -> None:
        """Ask a run to save its state and end; one that does not go on stays as it is."""
        with self._lock:
            if self._is_alive(folder):
                self._stop_for(folder, "pause", read_request(folder))

    def _stop_for(self, folder: Path, asked: str, request: RunRequest) -> None:
        before = read_request(folder).asked
        write_request(folder, request.model_copy(update={"asked": asked}))
        if before:
            return  # it is stopping already
        child = self._children.get(folder)
        if not stop_process(folder) and child is not None:
            child.terminate()  # it is starting, and has no lock yet

    def resume(self, project: str, folder: Path) -> None:
        """Let a run go on; raises UsageError where it is finished."""
        with self._lock:
            if self._is_alive(folder):
                return
            if self.status(folder).state == "finished":
                raise UsageError("this run is finished; extend it by more minutes or epochs")
            self._begin(project, folder, read_request(folder))

    def finish(self, project: str, folder: Path) -> None:
        """End training now: the best weights so far become the finished model, with its report."""
        with self._lock:
            if self.status(folder).state == "finished":
                return
            if self.snapshot(folder) is None:
                raise UsageError("the run has not trained a step yet; pause it, or wait a moment")
            self._restart(project, folder, read_request(folder), "finish")

    def extend(
        self, project: str, folder: Path, *, minutes: float | None, epochs: float | None
    ) -> None:
        """Give a run another length, counted in all; it goes on, wherever it is.

        Raises UsageError as `check_length`.
        """
        with self._lock:
            check_length(self.status(folder), self.snapshot(folder), minutes, epochs)
            length = {"minutes": minutes, "epochs": epochs}
            request = read_request(folder).model_copy(update=length)
            check_request(request)
            self._restart(project, folder, request, "restart")

    def _restart(self, project: str, folder: Path, request: RunRequest, asked: str) -> None:
        """Let the run go on with what is asked now; where it is going on, once it has stopped."""
        if self._is_alive(folder):
            self._stop_for(folder, asked, request)
            self._watched.setdefault(folder, _Watched(project))
        else:
            self._go_on(project, folder, request.model_copy(update={"asked": asked}))

    def _go_on(self, project: str, folder: Path, request: RunRequest) -> None:
        snapshot = self.snapshot(folder)
        if request.asked == "finish" and snapshot is not None:
            request = request.model_copy(update=length_so_far(snapshot))
        self._begin(project, folder, request)

    def check_stopped(self, folder: Path) -> None:
        """Raise UsageError where a run is going on, so that it cannot be removed."""
        with self._lock:
            if self._is_alive(folder):
                raise UsageError("this run is going on; pause it before it is removed")

    def delete(self, project: str, folder: Path) -> None:
        """Move a run into the trash of the workspace; raises UsageError where it is going on."""
        with self._lock:
            self.check_stopped(folder)
            self.workspace.discard(folder, f"{project}-{folder.name}")
        self.events.publish(project, "run", {"id": folder.name, "state": "removed"})

    @contextlib.contextmanager
    def without_runs(self, project: str) -> Iterator[None]:
        """Inside the block no run of the project begins.  Raises UsageError where one goes on."""
        with self._lock:
            if any(self._is_alive(folder) for folder in self.folders(project)):
                raise UsageError("a run of this project is going on; pause it before it is removed")
            yield

    def is_training(self) -> bool:
        """Whether any run of the workspace is being trained now."""
        with self._lock:
            return any(self._is_alive(folder) for folder in list(self._watched))

    def _watch(self) -> None:
        self._find_runs()
        pause = WATCH_SECONDS
        while not self._stopped.wait(pause):
            started = time.perf_counter()
            with self._lock:
                for folder, watched in list(self._watched.items()):
                    self._look_at(folder, watched)
            pause = pause_after(time.perf_counter() - started, WATCH_SECONDS)

    def _find_runs(self) -> None:
        for project in self.workspace.project_ids():
            with contextlib.suppress(Error), self._lock:
                for folder in self.folders(project):
                    self._watched.setdefault(folder, _Watched(project))

    def _look_at(self, folder: Path, watched: _Watched) -> None:
        """Publish what has changed; start again what is to go on; forget what has ended."""
        if not self.events.has_pages(watched.project) and self._is_alive(folder):
            return
        try:
            status = self.status(folder)
            request = read_request(folder)
        except (Error, OSError):  # removed, or no run of ours
            del self._watched[folder]
            return
        # a run can finish by itself before it hears that it is to stop for another length
        wanted = ("restart",) if status.state == "finished" else ("restart", "finish")
        if status.state != "running" and request.asked in wanted:
            self._go_on(watched.project, folder, request)
            return
        shown = (status.state, status.epochs, status.latest, status.stopping, status.model)
        if shown != watched.published:
            watched.published = shown
            self.events.publish(watched.project, "run", status.to_data())
        if status.state != "running":
            del self._watched[folder]


def _chosen(folder: Path) -> dict[str, Any]:
    """What a run has chosen by its images, and the penalty where it fitted its output layer alone.

    Empty where its model cannot be read, which the new run tells.
    """
    try:
        recipe = read_manifest(folder / MODEL_FILE).recipe
    except Error:
        return {}
    names = ["horizontal_flip", "translate"]
    if recipe.get("fine_tune") == "off":
        names.append("head_l2")
    return {name: recipe[name] for name in names if recipe.get(name) is not None}
