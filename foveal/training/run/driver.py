"""Drive the loop to its end and keep its results on the disk: state, model file, log.

Knows nothing of data sets, splits or commands: it is given a whole task and a folder.
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

from foveal.errors import Error
from foveal.files import write_atomic
from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.progress import Progress, silent
from foveal.rundir import CHECKPOINT_FOLDER, LOG_FILE, MODEL_FILE
from foveal.training import checkpoint, progressive_resizing, validation
from foveal.training.events import EpochRecord, Recovery, StepRecord, TrainingRecord
from foveal.training.loop import train
from foveal.training.setup.budget import SHARE, Budget, affordable, tail
from foveal.training.setup.timing import Timing
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

NO_TIMING = Timing(0.0, 0.0, 0)
STATE_SHARE = 0.01
"""Most of the time that checkpoints may take."""
WINDOW, SOME, LONGER, LATE = 40, 10, 1.05, 0.9
"""Steps that the pace is taken from, at most and at least; from how many times the steps left
on the cycle is made longer, and from which progress on no more."""


@dataclass
class RunContext:
    """Where and how a run is kept.

    manifest: all of it that is known before training.  fitted_on: uint64 content hashes.
    facts: JSON data that goes into every checkpoint beside the position.
    most_steps: to which a cycle may be made longer.  pace: seconds of the last steps, as long as
    they would have taken with whole images.
    watch: is given every record (trackers, tests).  tell: is given sentences.
    page: writes the report of the finished manifest and the logits of val.
    """

    folder: Path
    manifest: Manifest
    fitted_on: NDArray[np.uint64]
    facts: dict[str, Any]
    budget: Budget
    limited: bool = False
    timing: Timing = NO_TIMING
    report: Progress = silent
    tell: Callable[[str], None] = lambda _: None
    watch: Callable[[TrainingRecord], None] = lambda _: None
    page: Callable[[Manifest, validation.Logits], None] = lambda *_: None
    saved_at: float = 0.0
    save_cost: float = 0.0
    saved_step: int = -1
    most_steps: int = 0
    pace: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))


def drive(training: TrainingState, task: TrainTask, keeper: RunContext) -> None:
    """Train to the end of the cycle; what is on the disk is whole at every moment.

    Ctrl-C and SIGTERM save the state and go on upwards as KeyboardInterrupt and SystemExit.
    """
    keeper.saved_at = time.monotonic()
    try:
        with closing(train(training, task)) as records:
            for record in records:
                keeper.watch(record)
                _note(record, training, task, keeper)
                if keeper.limited:
                    keep_time(training, task, keeper)
                if _due(keeper):
                    save_state(training, task, keeper)
        finish(training, task, keeper)
    except (KeyboardInterrupt, SystemExit):
        with task.interrupts:
            training.undo_step()
            save_state(training, task, keeper)
        keeper.tell(f"saved after step {training.position.step}; go on with --resume")
        raise


def _note(
    record: TrainingRecord, training: TrainingState, task: TrainTask, keeper: RunContext
) -> None:
    match record:
        case StepRecord():
            whole = progressive_resizing.relative_cost(
                task.image_size, task.start_scale, training.position.progress
            )
            keeper.pace.append(record.seconds / whole)
            _show(record, training, keeper)
        case EpochRecord():
            position = training.position
            position.epoch_seconds.append(round(record.seconds, 3))
            if record.selected:
                write_model(training, task, keeper, finished=False)
            write_log(training, keeper)
        case Recovery():
            keeper.tell(record.message)


def _show(record: StepRecord, training: TrainingState, keeper: RunContext) -> None:
    position = training.position
    history = position.history
    val = history[-1]["val_accuracy"] if history else None
    seen = max(1, position.images_seen)
    note = (
        f"epoch {record.epoch}  loss {position.loss_sum / seen:.3f}  "
        f"accuracy {position.correct_sum / seen:.1%}  "
        + (f"val {val:.1%}  " if val is not None else "")
        + f"{record.images / max(record.seconds, 1e-9):,.0f} images/s"
    )
    keeper.report("training", record.step - position.cycle_start, position.cycle_steps, note)


def keep_time(training: TrainingState, task: TrainTask, keeper: RunContext) -> None:
    """Let the cycle end with the time.

    Sooner where the machine has become slower, later where the trial steps fell on a slow moment.
    """
    position = training.position
    left = position.cycle_end - position.step
    if not keeper.pace or left <= 0:
        return
    usual = sorted(keeper.pace)[len(keeper.pace) // 2]
    timing = replace(keeper.timing, step=max(usual, sum(keeper.pace) / len(keeper.pace)))
    seconds = keeper.budget.left()
    work = progressive_resizing.mean_relative_cost(
        task.image_size, task.start_scale, position.progress
    )

    def fit(room: float) -> int:
        return affordable(timing, len(task.val), task.steps_per_epoch, room, work)

    if fit(seconds) < left:
        if seconds < tail(timing, len(task.val)) + timing.step:
            position.end_cycle()
        elif fit(seconds) < 0.97 * left:
            position.set_remaining_steps(fit(seconds))
    elif len(keeper.pace) >= SOME and position.progress < LATE:
        planned = fit(seconds - (1 - SHARE) * keeper.budget.seconds)
        planned = min(planned, keeper.most_steps - position.step)
        if planned > LONGER * left:
            position.set_remaining_steps(planned)


def _due(keeper: RunContext) -> bool:
    return time.monotonic() - keeper.saved_at >= max(0.5, keeper.save_cost / STATE_SHARE)


def save_state(training: TrainingState, task: TrainTask, keeper: RunContext, keep: int = 2) -> None:
    """Write a checkpoint of the state between two steps."""
    clock = time.monotonic()
    training.position.elapsed_seconds = keeper.budget.used()
    position, tensors = training.pack()
    facts = {**keeper.facts, "position": position}
    with task.interrupts:
        checkpoint.save_checkpoint(
            keeper.folder / CHECKPOINT_FOLDER,
            checkpoint.Checkpoint(training.position.step, facts, tensors),
            keep,
        )
    keeper.saved_at = time.monotonic()
    keeper.save_cost = keeper.saved_at - clock
    keeper.saved_step = training.position.step


def write_log(training: TrainingState, keeper: RunContext) -> None:
    """One line of JSON an epoch: the history with the seconds of each."""
    position = training.position
    lines = [
        json.dumps({**line, "seconds": seconds}, ensure_ascii=False)
        for line, seconds in zip(position.history, position.epoch_seconds, strict=False)
    ]
    write_atomic(keeper.folder / LOG_FILE, "\n".join(lines) + "\n")


def write_model(
    training: TrainingState, task: TrainTask, keeper: RunContext, *, finished: bool
) -> Manifest:
    """Replace the model file by the weights that are kept now."""
    module = deepcopy(training.module).cpu()
    module.load_state_dict(training.best)
    manifest = keeper.manifest.model_copy(
        update={
            "temperature": training.position.temperature,
            "history": tuple(training.position.history),
            "finished": finished,
        }
    )
    with task.interrupts:
        return save_model(keeper.folder / MODEL_FILE, Model(module, manifest, keeper.fitted_on))


def finish(training: TrainingState, task: TrainTask, keeper: RunContext) -> None:
    """The last look at val, as predictions are made: fp32, with mirror images; then the files."""
    position = training.position
    if not training.best:
        raise Error("training ended before its first step; give it more --minutes")
    if len(task.val):
        module = deepcopy(training.module)
        module.load_state_dict(training.best)
        flip = keeper.manifest.network.preprocess.flip_average
        values = validation.predict_logits(module, task.val, task.device, flip=flip)
        position.temperature = validation.fit_temperature(values, task.val.labels, task.activation)
        position.final_scores = {
            "val_accuracy": validation.accuracy(values, task.val.labels),
            "val_loss": validation.negative_log_likelihood(
                values, task.val.labels, task.activation, position.temperature
            ),
            "val_images": len(task.val),
            "epoch": position.best_epoch,
        }
    keeper.manifest = keeper.manifest.model_copy(
        update={"data": {**keeper.manifest.data, "val": position.final_scores}}
    )
    manifest = write_model(training, task, keeper, finished=True)
    write_log(training, keeper)
    if len(task.val):
        keeper.page(manifest, values)
    with task.interrupts:
        position.finished = True
        save_state(training, task, keeper, keep=1)
