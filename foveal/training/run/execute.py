"""Execute a whole run in its folder: start or resume it, train, leave everything on the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from foveal.model.manifest import Manifest
from foveal.progress import Progress
from foveal.training.device import deterministic_kernels, retain_freed_memory, select_device
from foveal.training.events import EpochRecord, TrainingRecord
from foveal.training.interrupts import handle_interrupts
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.run.context import RunContext, StateWriter
from foveal.training.run.driver import drive, follow
from foveal.training.run.head import run_first_stages
from foveal.training.run.live import LiveFiles, write_val_errors
from foveal.training.run.resume import is_complete, newest_checkpoint, resume_run
from foveal.training.run.shared_session import follow_session
from foveal.training.run.start import start_run
from foveal.training.run.trackers import STEPS, open_trackers
from foveal.training.setup.request import TrainRequest
from foveal.training.setup.session import TrainSession, initial_manifest
from foveal.training.setup.training_data import TrainingData
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.validation import Logits
from foveal.training.warm_up import start_device

ReportWriter = Callable[[Path, TrainingData, Manifest, Logits], None]
"""Is given the run's folder, its data, the finished manifest and the logits of val."""


@dataclass(frozen=True)
class RunOptions:
    """Where and how a run is executed.

    resume: continue the run in `folder`.  track: names of trackers.  started_at: monotonic clock
    from which the budget counts, None: when the images are decoded.  on_epoch: is called after
    every epoch with its record and the progress of the run, 0..1; what it raises ends the run,
    which can be resumed.  processes: that train together; the first writes all files.
    """

    folder: Path
    resume: bool
    track: Sequence[str]
    progress: Progress
    started_at: float | None
    on_epoch: Callable[[EpochRecord, float], None] = lambda *_: None
    processes: ProcessGroup = ALONE


@dataclass(frozen=True)
class RunOutcome:
    """JSON data of a finished run: its plan, its history, and the final scores on val."""

    plan: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    final: Mapping[str, Any]


def execute_run(
    request: TrainRequest, options: RunOptions, write_report: ReportWriter
) -> RunOutcome:
    """Train in a folder that is locked by the caller; raises foveal.Error."""
    if options.processes.rank:
        return _execute_as_follower(request, options)
    folder, progress = options.folder, options.progress
    newest = newest_checkpoint(folder) if options.resume else None
    if newest is not None and is_complete(newest, request):
        progress.message(
            f"{folder} is finished already, nothing was changed; train it further with "
            "--epochs or --minutes"
        )
        position = newest.metadata["position"]
        options.processes.send_plan({"plan": newest.metadata["plan"], "position": position})
        return RunOutcome(newest.metadata["plan"], position["history"], position["final_scores"])
    device = select_device(request.device)
    start_device(device)
    exact = deterministic_kernels(device)
    with torch.random.fork_rng(enabled=True), exact, retain_freed_memory():
        if newest is None:
            session = start_run(request, folder, progress, options.started_at, options.processes)
        else:
            session = resume_run(
                request, newest, folder, progress, options.started_at, options.processes
            )
        session = _train(session, options, write_report, new=newest is None)
    position = session.state.position
    return RunOutcome(session.plan, position.history, position.final_scores)


def _execute_as_follower(request: TrainRequest, options: RunOptions) -> RunOutcome:
    """Train as another process than the first, which has started the run."""
    received = options.processes.receive_plan()
    position = received["position"]
    if position["finished"]:
        return RunOutcome(received["plan"], position["history"], position["final_scores"])
    exact = deterministic_kernels(select_device(request.device))
    with torch.random.fork_rng(enabled=True), exact, retain_freed_memory():
        session = follow_session(request, options.processes, received)
        context = _context(session, options)
        with handle_interrupts(session.task.interrupts):
            follow(session.state, session.task, context)
    position = session.state.position
    return RunOutcome(session.plan, position.history, position.final_scores)


def _train(
    session: TrainSession, options: RunOptions, write_report: ReportWriter, *, new: bool
) -> TrainSession:
    """The session as it was planned in the end."""
    with (
        handle_interrupts(session.task.interrupts),
        open_trackers(options.track, options.folder, session.plan) as on_record,
    ):
        context = replace(
            _context(session, options),
            on_record=on_record,
            on_state=_state_writer(options),
            write_report=_report_writer(session, options, write_report),
        )
        if session.state.position.stage != "training":
            session, context = run_first_stages(session, context, new=new)
            new = False
        drive(session.state, session.task, context, new=new)
    return session


def _context(session: TrainSession, options: RunOptions) -> RunContext:
    return RunContext(
        folder=options.folder,
        manifest=initial_manifest(session),
        content_hashes=session.data.content_hashes(),
        plan=session.plan,
        budget=session.budget,
        timing=session.timing,
        max_steps=session.plan["max_steps"],
        progress=options.progress,
    )


def _report_writer(
    session: TrainSession, options: RunOptions, write_report: ReportWriter
) -> Callable[[Manifest, Logits], None]:
    """What writes the report, and before it the live file of the images that are wrong in it."""

    def write(manifest: Manifest, logits: Logits) -> None:
        if STEPS in options.track:
            epoch = session.state.position.best_epoch
            write_val_errors(options.folder, epoch, logits, session.task.val.labels, finished=True)
        write_report(options.folder, session.data, manifest, logits)

    return write


def _state_writer(options: RunOptions) -> StateWriter:
    """What writes the live files, where they are asked for, and reports epochs."""
    write = LiveFiles(options.folder).write if STEPS in options.track else lambda *_: None

    def on_state(
        record: TrainingRecord, state: TrainingState, task: TrainTask, context: RunContext
    ) -> None:
        write(record, state, task, context)
        if isinstance(record, EpochRecord):
            options.on_epoch(record, state.position.progress)

    return on_state
