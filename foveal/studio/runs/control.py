"""All runs of the studio: start, pause, go on, finish, extend; and a thread that watches them.

What is asked of a run stands in its folder, so that a studio that was killed goes on where it was.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foveal.errors import DataError, Error, UsageError
from foveal.filelock import lock_holder
from foveal.pretrained.catalog import CATALOG
from foveal.pretrained.start import AUTO, SCRATCH
from foveal.rundir import MODEL_FILE
from foveal.studio.events import Events
from foveal.studio.runs.curves import newest_step
from foveal.studio.runs.pace import pause_after
from foveal.studio.runs.process import start_process, stop_process
from foveal.studio.runs.request import (
    REQUEST_FILE,
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
from foveal.text import printable

RUNS = "runs"
RUN_START = "run:"
"""Before the id of a run whose model is the start of another."""
WATCH_SECONDS = 1.0
_ID = re.compile(r"\d{8}-\d{6}(-\d+)?", re.ASCII)
FINISHING_EPOCHS_MARGIN = 1.5
"""Steps, so that an early end falls behind the step that is complete, whatever is rounded."""


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
        folder = self.workspace.project_folder(project) / RUNS / run
        if not _ID.fullmatch(run) or not (folder / REQUEST_FILE).is_file():
            raise UsageError("there is no run of this id in the project; reload the page")
        return folder

    def folders(self, project: str) -> list[Path]:
        """The folders of all runs of a project, the newest first."""
        found = (self.workspace.project_folder(project) / RUNS).glob(f"*/{REQUEST_FILE}")
        return sorted((path.parent for path in found), reverse=True)

    def create(
        self, project: str, request: RunRequest, write_table: Callable[[Path], None]
    ) -> RunStatus:
        """Start a new run on the table that `write_table` writes.

        Raises UsageError for a wrong value, and what `write_table` raises.
        """
        request = request.model_copy(
            update={"start_from": self._start_from(project, request.start_from)}
        )
        check_request(request)
        folder = self._new_folder(project)
        try:
            write_table(folder / TABLE_FILE)
            request = request.model_copy(update={"created": time.time()})
            write_request(folder, request)
        except BaseException:
            shutil.rmtree(folder)
            raise
        with self._lock:
            self._begin(project, folder, request)
        return self.status(folder)

    def retrain_head(
        self, project: str, run: str, write_table: Callable[[Path], None]
    ) -> RunStatus:
        """Fit the output layer of a run's network to the labels as they are now, as a new run.

        Its other layers stay as they are, so that it takes seconds.  Raises as `create`.
        """
        folder = self.folder(project, run)
        known = read_request(folder)
        request = RunRequest(
            name=f"{known.name or run}, new head",
            start_from=f"{RUN_START}{run}",
            recipe={"linear_probe": "on", "fine_tune": "off"},
            seed=known.seed,
            device=known.device,
        )
        return self.create(project, request, write_table)

    def _start_from(self, project: str, name: str) -> str:
        """`run:ID` as the model file of that run; other files of the machine are no start here."""
        if name.startswith(RUN_START):
            model = self.folder(project, name.removeprefix(RUN_START)) / MODEL_FILE
            if not model.is_file():
                raise UsageError("that run has no model yet; wait for its first epoch")
            return str(model)
        if name not in (AUTO, SCRATCH, *CATALOG):
            raise UsageError(
                f"a run cannot start from '{printable(name[:80])}'; choose {AUTO}, {SCRATCH}, a "
                "pretrained network or a run of this project"
            )
        return name

    def _new_folder(self, project: str) -> Path:
        runs = self.workspace.project_folder(project) / RUNS
        name = time.strftime("%Y%m%d-%H%M%S")
        with self._lock:
            number = 1
            while (folder := runs / (name if number == 1 else f"{name}-{number}")).exists():
                number += 1
            folder.mkdir(parents=True)
        return folder

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
            except DataError:
                continue
        return found

    def _is_alive(self, folder: Path) -> bool:
        child = self._children.get(folder)
        if child is not None:
            if child.poll() is None:
                return True
            del self._children[folder]
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

        Raises UsageError for no length or two, and for one that is used up.
        """
        if (minutes is None) == (epochs is None):
            raise UsageError("give the minutes or the epochs that the run is to have in all")
        with self._lock:
            _check_length(self.status(folder), self.snapshot(folder), minutes, epochs)
            self._change_length(project, folder, {"minutes": minutes, "epochs": epochs})

    def _change_length(self, project: str, folder: Path, length: dict[str, float | None]) -> None:
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
            request = request.model_copy(update=_length_so_far(snapshot))
        self._begin(project, folder, request)

    def delete(self, project: str, folder: Path) -> None:
        """Move a run into the trash of the workspace; raises UsageError where it is going on."""
        with self._lock:
            if self._is_alive(folder):
                raise UsageError("this run is going on; pause it before it is removed")
            trash = self.workspace.folder / "trash" / f"{project}-{folder.name}"
            trash.parent.mkdir(exist_ok=True)
            shutil.move(folder, trash)
        self.events.publish(project, "run", {"id": folder.name, "state": "removed"})

    def going_on(self, project: str) -> bool:
        """Whether a run of the project is being trained now."""
        return any(self._is_alive(folder) for folder in self.folders(project))

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
            for folder in _suppressing_errors(lambda: self.folders(project)):  # noqa: B023
                with self._lock:
                    if folder not in self._watched:
                        self._watched[folder] = _Watched(project)

    def _look_at(self, folder: Path, watched: _Watched) -> None:
        """Publish what has changed; start again what is to go on; forget what has ended."""
        if not self.events.has_pages(watched.project) and self._is_alive(folder):
            return
        try:
            status = self.status(folder)
            request = read_request(folder)
        except Error:  # removed, or no run of ours
            del self._watched[folder]
            return
        if status.state not in ("running", "finished") and request.asked in ("restart", "finish"):
            self._go_on(watched.project, folder, request)
            return
        shown = (status.state, status.epochs, status.latest, status.stopping, status.model)
        if shown != watched.published:
            watched.published = shown
            self.events.publish(watched.project, "run", status.to_data())
        if status.state != "running":
            del self._watched[folder]


def _suppressing_errors(find: Callable[[], Iterable[Path]]) -> list[Path]:
    try:
        return list(find())
    except Error:
        return []


def _length_so_far(snapshot: Snapshot) -> dict[str, float | None]:
    """The length that a run has used: one step more, and it is finished."""
    plan, position = snapshot.plan, snapshot.position
    if plan["minutes"] is not None:
        return {"minutes": max(0.001, position["elapsed_seconds"] / 60), "epochs": None}
    cycle_end = position["cycle_start"] + position["cycle_steps"]
    epochs = plan["recipe"]["epochs"]
    steps = min(cycle_end, position["step"] + FINISHING_EPOCHS_MARGIN)
    return {"minutes": None, "epochs": epochs * steps / cycle_end if cycle_end else epochs}


def _check_length(
    status: RunStatus, snapshot: Snapshot | None, minutes: float | None, epochs: float | None
) -> None:
    """Raise UsageError where the run has more already, or is measured in the other unit."""
    if snapshot is None:
        return
    by_minutes = snapshot.plan["minutes"] is not None
    if status.state != "finished" and by_minutes != (minutes is not None):
        unit = "minutes" if by_minutes else "epochs"
        raise UsageError(f"this run was started with {unit}; give it more {unit}")
    if minutes is not None and 60 * minutes <= status.seconds:
        raise UsageError(
            f"this run has used {status.seconds / 60:.3g} minutes already; ask for more than that"
        )
    if epochs is not None and epochs <= status.epochs:
        raise UsageError(f"this run has {status.epochs} epochs already; ask for more than that")
