"""The end of an epoch: its weights are scored on val, selected or not, and recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import nn

from foveal.training import validation
from foveal.training.events import EpochRecord
from foveal.training.optimizers import schedule
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.transfer.training import predict_logits

MIN_IMPROVEMENT = 1e-4
"""Gain in validation accuracy that early stopping counts as one."""


def validate_epoch(
    state: TrainingState, task: TrainTask, eval_module: nn.Module, train_seconds: float
) -> EpochRecord:
    """Score the epoch on val, select its weights where they are good enough, and record it."""
    start = time.perf_counter()
    _load_ema(eval_module, state)
    logits = None
    if len(task.val):
        bf16 = task.recipe.precision == "bf16"
        logits = predict_logits(
            eval_module, task.recipe, task.val, task.device, bf16=bf16, processes=task.processes
        )
    return close_epoch(
        state, task, eval_module, logits, lambda: train_seconds + time.perf_counter() - start
    )


@torch.no_grad()
def _load_ema(eval_module: nn.Module, state: TrainingState) -> None:
    weights = eval_module.state_dict()
    for name, value in state.ema.items():
        weights[name].copy_(value)


def close_epoch(
    state: TrainingState,
    task: TrainTask,
    eval_module: nn.Module,
    logits: validation.Logits | None,
    seconds: Callable[[], float],
) -> EpochRecord:
    """End an epoch whose weights are those of `eval_module`: select them or not, and record it.

    logits: of val, None where there is none.  seconds: that the epoch has taken.
    """
    position, state.val_logits = state.position, logits
    loss = accuracy = None
    if logits is not None:
        loss = validation.negative_log_likelihood(logits, task.val.labels, task.activation)
        accuracy = validation.accuracy(logits, task.val.labels)
        loss = loss if math.isfinite(loss) else None
    epoch = -(-position.step // task.steps_per_epoch)
    with task.interrupts:
        selected = _is_selected(state, task, eval_module, logits, loss)
        if selected:
            _select_weights(state, eval_module, epoch)
        if selected and logits is not None:
            position.temperature = validation.fit_temperature(
                logits, task.val.labels, task.activation
            )
        record = EpochRecord(
            epoch,
            position.step,
            0.0 if position.stage == "head" else schedule.learning_rate(task.recipe, position),
            position.loss_sum / position.images_seen if position.images_seen else None,
            position.correct_sum / position.images_seen if position.images_seen else None,
            loss,
            accuracy,
            selected,
            seconds(),
        )
        _record_epoch(state, record)
        patience = task.recipe.early_stopping_epochs
        if patience is not None and position.epochs_without_improvement >= patience:
            position.end_cycle()
    return record


def _is_selected(
    state: TrainingState,
    task: TrainTask,
    eval_module: nn.Module,
    logits: validation.Logits | None,
    loss: float | None,
) -> bool:
    """The newest weights are selected unless an earlier epoch was clearly better on val.

    After a linear probe, unless one was better at all. Better is the mean over classes where the
    recipe balances them.  Without val all that are finite are selected.
    """
    if logits is None:
        return all(bool(value.isfinite().all()) for value in eval_module.state_dict().values())
    if loss is None:
        return False
    position = state.position
    balanced = task.recipe.class_balance != "none"
    score, error = validation.selection_score(logits, task.val.labels, balanced=balanced)
    best = position.best_val_score
    margin = 0.0 if task.recipe.linear_probe == "on" else position.best_val_error
    improved = score > best + MIN_IMPROVEMENT
    position.epochs_without_improvement = 0 if improved else position.epochs_without_improvement + 1
    if state.best and score < best - margin:
        return False
    if score > best:
        position.best_val_score, position.best_val_error = score, error
    return True


def _select_weights(state: TrainingState, eval_module: nn.Module, epoch: int) -> None:
    state.position.best_epoch = epoch
    state.best = {name: value.clone() for name, value in eval_module.state_dict().items()}


def _record_epoch(state: TrainingState, record: EpochRecord) -> None:
    position = state.position
    entry = asdict(record)
    del entry["seconds"]
    if position.stage == "head" or (position.history and "stage" in position.history[0]):
        entry["stage"] = position.stage
    position.history.append(entry)
    position.epoch_seconds.append(round(record.seconds, 3))
    position.images_seen, position.loss_sum, position.correct_sum = 0, 0.0, 0.0
    position.needs_validation = False
