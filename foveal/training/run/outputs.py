"""What a run writes while it trains: checkpoints, the log and the model file.

A checkpoint is written whole before the first step and between steps; a run that is killed goes on
from the newest one.
"""

from __future__ import annotations

import json
import time
from copy import deepcopy
from typing import Any

from foveal.files import write_atomic
from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.rundir import CHECKPOINT_FOLDER, LOG_FILE, MODEL_FILE
from foveal.training import checkpoint
from foveal.training.run.context import RunContext, RunTimes
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

MIN_CHECKPOINT_SECONDS, MAX_CHECKPOINT_SHARE = 0.5, 0.01
"""Least seconds between two checkpoints, and the largest share of the time they may take."""


def checkpoint_due(times: RunTimes) -> bool:
    """Whether the next checkpoint is to be written now."""
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
