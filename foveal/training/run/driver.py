"""Run the training loop to its end and write its results: checkpoints, model file, log.

The order of resuming: a checkpoint is written whole before the first step and between steps; a
run that is killed goes on from the newest one.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveal.files import write_atomic
from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.progress import Progress, silent
from foveal.rundir import CHECKPOINT_FOLDER, LOG_FILE, MODEL_FILE
from foveal.training import checkpoint, progressive_resizing, validation
from foveal.training.events import EpochRecord, Recovery, StepRecord, TrainingRecord
from foveal.training.loop import train
from foveal.training.run.final_validation import validate_best
from foveal.training.run.shared_session import agree, share_session, signals_until_agreed
from foveal.training.setup.budget import PLANNED_SHARE, Budget, finish_seconds, steps_within
from foveal.training.setup.plan import NO_TIMING
from foveal.training.setup.timing import Timing
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

MIN_CHECKPOINT_SECONDS, MAX_CHECKPOINT_SHARE = 0.5, 0.01
"""Least seconds between two checkpoints, and the largest share of the time they may take."""
MIN_TIMED_STEPS, MAX_TIMED_STEPS = 10, 40
"""Last steps from which the seconds of a step are taken; fewer never extend the cycle."""
MIN_EXTENSION, LAST_EXTENSION = 1.05, 0.9
"""The cycle is extended where this many times the steps left fit, up to this progress."""
MIN_SHORTENING = 0.97
"""The cycle is shortened where less than this share of the steps left fits."""


@dataclass
class RunTimes:
    """What a run measures of itself.

    step_seconds: of the last steps, as long as they would take with images of full size.
    saved_at: monotonic clock of the last checkpoint, which took `save_seconds`.
    """

    step_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_TIMED_STEPS))
    saved_at: float = 0.0
    save_seconds: float = 0.0


@dataclass(frozen=True)
class RunContext:
    """Where a run is written, and what it may take.

    manifest: of the model file, as far as it is known before training.  content_hashes: uint64,
    of the images it is fitted on.  plan: JSON data for every checkpoint.  max_steps: to which a
    cycle may be extended.  on_record: is called with every record of the loop; on_state: after it,
    with the state that it left.  write_report: is called with the finished manifest and the logits
    of val.
    """

    folder: Path
    manifest: Manifest
    content_hashes: NDArray[np.uint64]
    plan: dict[str, Any]
    budget: Budget
    timing: Timing = NO_TIMING
    max_steps: int = 0
    progress: Progress = silent
    on_record: Callable[[TrainingRecord], None] = lambda _: None
    on_state: StateWriter = lambda *_: None
    write_report: Callable[[Manifest, validation.Logits], None] = lambda *_: None
    times: RunTimes = field(default_factory=RunTimes)


StateWriter = Callable[[TrainingRecord, TrainingState, TrainTask, RunContext], None]


def drive(state: TrainingState, task: TrainTask, context: RunContext, *, new: bool = False) -> None:
    """Train to the end of the cycle; the files in the folder are whole at every moment.

    new: no checkpoint is written yet.  Ctrl-C and SIGTERM save the state and are raised on as
    KeyboardInterrupt and SystemExit.
    """
    context.times.saved_at = time.monotonic()
    try:
        if new:  # killed before its first step, the run can be resumed as it was requested
            save_state(state, task, context)
        share_session(state, task, context.plan)
        with signals_until_agreed(task), closing(train(state, task)) as records:
            for record in records:
                context.on_record(record)
                handle_record(record, state, task, context)
                if context.budget.limited:
                    adjust_cycle(state, task, context)
                if _checkpoint_due(context.times):
                    save_state(state, task, context)
                agree(state, task)
            logits = validate_best(state, task, flip=_flips(context))
        finish(state, task, context, logits)
    except (KeyboardInterrupt, SystemExit):
        with task.interrupts:
            state.undo_step()
            save_state(state, task, context)
        context.progress.message(f"saved after step {state.position.step}; continue with --resume")
        raise


def follow(state: TrainingState, task: TrainTask, context: RunContext) -> None:
    """Train as another process than the one that drives: the same steps, but no files."""
    with signals_until_agreed(task), closing(train(state, task)) as records:
        for _ in records:
            agree(state, task)
        validate_best(state, task, flip=_flips(context))


def _flips(context: RunContext) -> bool:
    """Whether predictions of the model file are means over the image and its mirror image."""
    return context.manifest.network.preprocess.flip_average


def handle_record(
    record: TrainingRecord, state: TrainingState, task: TrainTask, context: RunContext
) -> None:
    """Show a record, and write what an epoch has changed."""
    match record:
        case StepRecord():
            cost = progressive_resizing.relative_cost(
                task.image_size,
                task.start_scale,
                state.position.progress,
                context.timing.start_cost,
            )
            context.times.step_seconds.append(record.seconds / cost)
            _show_step(record, state, context.progress)
        case EpochRecord():
            state.position.epoch_seconds.append(round(record.seconds, 3))
            if record.selected:
                write_model(state, task, context, finished=False)
            write_log(state, context)
        case Recovery():
            context.progress.message(record.message)
    context.on_state(record, state, task, context)


def _show_step(record: StepRecord, state: TrainingState, progress: Progress) -> None:
    position = state.position
    images = max(1, position.images_seen)
    val_accuracy = position.history[-1]["val_accuracy"] if position.history else None
    parts = [
        f"epoch {record.epoch}",
        f"loss {position.loss_sum / images:.3f}",
        f"accuracy {100 * position.correct_sum / images:.1f} %",
        *([] if val_accuracy is None else [f"val {100 * val_accuracy:.1f} %"]),
        f"{record.images / max(record.seconds, 1e-9):,.0f} images/s",
    ]
    done = record.step - position.cycle_start
    progress("training", done, position.cycle_steps, "  ".join(parts))


def adjust_cycle(state: TrainingState, task: TrainTask, context: RunContext) -> None:
    """Let the cycle end with the budget.

    Sooner where the machine has become slower, later where the timed steps fell on a slow moment.
    """
    position, recent = state.position, context.times.step_seconds
    left = position.cycle_end - position.step
    if not recent or left <= 0:
        return
    median = sorted(recent)[len(recent) // 2]
    step_seconds = max(median, sum(recent) / len(recent))
    timing = replace(context.timing, step_seconds=step_seconds)
    remaining = context.budget.remaining()
    cost = progressive_resizing.mean_relative_cost(
        task.image_size, task.start_scale, position.progress, context.timing.start_cost
    )

    def fitting(seconds: float) -> int:
        return steps_within(
            seconds,
            timing,
            val_images=len(task.val),
            steps_per_epoch=task.steps_per_epoch,
            relative_cost=cost,
        )

    if fitting(remaining) < left:
        if remaining < finish_seconds(timing, len(task.val)) + timing.step_seconds:
            position.end_cycle()
        elif fitting(remaining) < MIN_SHORTENING * left:
            position.set_remaining_steps(fitting(remaining))
    elif len(recent) >= MIN_TIMED_STEPS and position.progress < LAST_EXTENSION:
        planned = fitting(remaining - (1 - PLANNED_SHARE) * context.budget.seconds)
        planned = min(planned, context.max_steps - position.step)
        if planned > MIN_EXTENSION * left:
            position.set_remaining_steps(planned)


def _checkpoint_due(times: RunTimes) -> bool:
    pause = max(MIN_CHECKPOINT_SECONDS, times.save_seconds / MAX_CHECKPOINT_SHARE)
    return time.monotonic() - times.saved_at >= pause


def save_state(state: TrainingState, task: TrainTask, context: RunContext, keep: int = 2) -> None:
    """Write a checkpoint of the state between two steps."""
    started = time.monotonic()
    state.position.elapsed_seconds = context.budget.used()
    position, tensors = state.pack()
    facts = {"plan": context.plan, "position": position}
    with task.interrupts:
        checkpoint.save_checkpoint(
            context.folder / CHECKPOINT_FOLDER,
            checkpoint.Checkpoint(state.position.step, facts, tensors),
            keep,
        )
    context.times.saved_at = time.monotonic()
    context.times.save_seconds = context.times.saved_at - started


def save_elapsed(context: RunContext) -> bool:
    """Save the newest checkpoint again, with the time that was used since; whether there is one."""
    newest = checkpoint.load_newest(context.folder / CHECKPOINT_FOLDER)
    if newest is None:
        return False
    newest.metadata["position"]["elapsed_seconds"] = context.budget.used()
    checkpoint.save_checkpoint(context.folder / CHECKPOINT_FOLDER, newest)
    return True


def write_log(state: TrainingState, context: RunContext) -> None:
    """One line of JSON an epoch: the history with the seconds of each."""
    position = state.position
    lines = [
        json.dumps({**line, "seconds": seconds}, ensure_ascii=False)
        for line, seconds in zip(position.history, position.epoch_seconds, strict=False)
    ]
    write_atomic(context.folder / LOG_FILE, "\n".join(lines) + "\n")


def write_model(
    state: TrainingState, task: TrainTask, context: RunContext, *, finished: bool
) -> Manifest:
    """Replace the model file by the best weights so far; its manifest."""
    module = deepcopy(state.module).cpu()
    module.load_state_dict(state.best)
    update: dict[str, Any] = {
        "temperature": state.position.temperature,
        "history": tuple(state.position.history),
        "finished": finished,
    }
    if finished:
        update["data"] = {**context.manifest.data, "val": state.position.final_scores}
    manifest = context.manifest.model_copy(update=update)
    with task.interrupts:
        return save_model(
            context.folder / MODEL_FILE, Model(module, manifest, context.content_hashes)
        )


def finish(
    state: TrainingState,
    task: TrainTask,
    context: RunContext,
    logits: validation.Logits | None,
) -> None:
    """Write all files of a run that was validated for the last time."""
    manifest = write_model(state, task, context, finished=True)
    write_log(state, context)
    if logits is not None:
        context.write_report(manifest, logits)
    with task.interrupts:
        state.position.finished = True
        save_state(state, task, context, keep=1)
