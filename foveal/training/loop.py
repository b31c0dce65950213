"""The training loop: a generator that yields a record per step and per epoch.

Between two records the caller prints, stores, shortens or stops, and the TrainingState is always
whole there. Order, augmentation and dropout are pure functions of (seed, step), so on the CPU a
resumed run repeats an unbroken one to the bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from copy import deepcopy
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foveal.errors import TrainingError
from foveal.spec.recipe import Recipe
from foveal.training import moving_average, optim, schedule, validation
from foveal.training.cuda_graphs import GraphedSteps, open_graphs
from foveal.training.events import EpochRecord, Recovery, StepRecord, TrainingRecord
from foveal.training.gradients import compute_gradients
from foveal.training.process_group import ProcessGroup
from foveal.training.rng import Stream, torch_seed
from foveal.training.state import TrainingState
from foveal.training.streaming import StreamedPixels
from foveal.training.task import TrainTask, epoch_batches, prepare_batch, upcoming_batches
from foveal.training.transfer.training import (
    max_images_of_pass,
    predict_logits,
    training_module,
)

MAX_SKIPPED_STEPS = 3
"""Consecutive steps with a non-finite loss after which the weights are rolled back."""
MAX_ROLLBACKS = 4
MIN_IMPROVEMENT = 1e-4
"""Gain in validation accuracy that early stopping counts as one."""


def train(state: TrainingState, task: TrainTask) -> Generator[TrainingRecord]:
    """Train from `state.position` to the end of its cycle.

    Raises TrainingError when losses stay non-finite after every rollback.
    """
    position = state.position
    eval_module = deepcopy(state.module) if state.ema else state.module
    module = training_module(state.module, task.recipe)
    graphs = open_graphs(state, task, module)
    epoch_start = time.perf_counter()
    pixels = task.train.pixels
    if isinstance(pixels, StreamedPixels):
        pixels.expect(upcoming_batches(task, pixels, position.step))
    batches: list[NDArray[np.int64]] = []
    batches_epoch = -1
    while True:
        step_in_epoch = position.step % task.steps_per_epoch
        at_end = position.step >= position.cycle_end
        if position.needs_validation and (step_in_epoch == 0 or at_end):
            record = _validate(state, task, eval_module, time.perf_counter() - epoch_start)
            epoch_start = time.perf_counter()
            yield record
        # the caller may have moved the end of the cycle
        if position.step >= position.cycle_end or _should_stop_early(state, task):
            return
        epoch = position.step // task.steps_per_epoch
        if epoch != batches_epoch:
            batches, batches_epoch = epoch_batches(task, epoch), epoch
        if step_in_epoch == 0 or not state.rollback_point:
            with task.interrupts:
                state.save_rollback_point()
        yield from _train_step(state, task, module, graphs, batches[step_in_epoch], epoch)


def _should_stop_early(state: TrainingState, task: TrainTask) -> bool:
    patience = task.recipe.early_stopping_epochs
    return patience is not None and state.position.epochs_without_improvement >= patience


def _learning_rate_factor(state: TrainingState, recipe: Recipe) -> float:
    return schedule.lr_factor(recipe, state.position.progress) * state.position.lr_scale


def _learning_rate(state: TrainingState, recipe: Recipe) -> float:
    """The learning rate of the next step."""
    return (recipe.learning_rate or 0.0) * _learning_rate_factor(state, recipe)


def _train_step(
    state: TrainingState,
    task: TrainTask,
    module: nn.Module,
    graphs: GraphedSteps | None,
    indices: NDArray[np.int64],
    epoch: int,
) -> Iterator[TrainingRecord]:
    start = time.perf_counter()
    position, recipe = state.position, task.recipe
    _set_training_mode(state.module, recipe)
    processes = task.processes
    seed = torch_seed(task.seed, Stream.DROPOUT, position.step, *processes.seed_parts())
    torch.manual_seed(seed)
    images, target = prepare_batch(task, indices, epoch, position.progress)
    graphed = graphs.compute_gradients(images, target) if graphs is not None else None
    if graphed is None:
        state.begin_step()
        most = max_images_of_pass(module, images)
        loss, correct = compute_gradients(
            state, task, module, images, target, max_images=most, batch_images=len(indices)
        )
    else:
        loss, correct = graphed
    if not math.isfinite(loss):
        yield _recover(state, task, loss)
        return
    learning_rate = _learning_rate(state, recipe)
    with task.interrupts:
        _update_weights(state, recipe, processes, graphs if graphed is not None else None)
        position.images_seen += len(indices)
        position.loss_sum += loss * len(indices)
        position.correct_sum += correct
        state.commit_step()
    seconds = time.perf_counter() - start
    accuracy = correct / len(indices)
    yield StepRecord(position.step, epoch + 1, len(indices), loss, accuracy, learning_rate, seconds)


def _set_training_mode(module: nn.Module, recipe: Recipe) -> None:
    """Training mode, but for batch norms whose statistics are to stay as they are."""
    module.train()
    if recipe.freeze_norms != "on" and not recipe.freeze:
        return
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and (
            recipe.freeze_norms == "on" or not any(p.requires_grad for p in layer.parameters())
        ):
            layer.eval()


def _update_weights(
    state: TrainingState,
    recipe: Recipe,
    processes: ProcessGroup,
    graphs: GraphedSteps | None = None,
) -> None:
    """graphs: that have computed the gradients."""
    position = state.position
    factor = _learning_rate_factor(state, recipe)
    if graphs is not None:
        graphs.update_weights(factor)
    else:
        optim.clip_grad_norm(state.parameter_groups, recipe.grad_clip_norm)
        # on the CPU alone, where products of fp32 matrices are what a step spends most on
        # beside maps
        on_cpu = next(state.module.parameters()).device.type == "cpu"
        with torch.autocast("cpu", torch.bfloat16, enabled=on_cpu and recipe.precision == "bf16"):
            optim.step(
                state.parameter_groups, state.optimizer_state, factor, position.step, processes
            )
        decay = moving_average.decay_at(recipe, position.step)
        moving_average.update(state.ema, state.module, decay)
    position.step += 1
    position.needs_validation, position.consecutive_skipped_steps = True, 0


def _recover(state: TrainingState, task: TrainTask, loss: float) -> Recovery:
    """Skip a step with a non-finite loss; after several in a row, roll back."""
    position = state.position
    step = position.step + 1
    learning_rate = _learning_rate(state, task.recipe)
    with task.interrupts:
        state.undo_step()
        position.step += 1
        position.needs_validation = True
        position.consecutive_skipped_steps += 1
        if position.consecutive_skipped_steps < MAX_SKIPPED_STEPS:
            return Recovery(step, f"step {step}: the loss is {loss}; this step was skipped")
        if position.rollbacks >= MAX_ROLLBACKS:
            raise TrainingError(
                f"the loss is {loss} at steps {step - MAX_SKIPPED_STEPS + 1} to {step} even at a "
                f"learning rate of {learning_rate:.3g}; the last good state is saved: look at the "
                "data with foveal check, or start again with a smaller --set learning_rate"
            )
        state.roll_back()
    return Recovery(
        step,
        f"step {step}: {MAX_SKIPPED_STEPS} losses in a row were not finite; the weights were "
        "rolled back to the last good ones and the learning rate was halved",
    )


def _validate(
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
        selected = _is_selected(state, task, logits, loss)
        if selected:
            _select_weights(state, eval_module, epoch)
        if selected and logits is not None:
            position.temperature = validation.fit_temperature(
                logits, task.val.labels, task.activation
            )
        record = EpochRecord(
            epoch,
            position.step,
            0.0 if position.stage == "head" else _learning_rate(state, task.recipe),
            position.loss_sum / position.images_seen if position.images_seen else None,
            position.correct_sum / position.images_seen if position.images_seen else None,
            loss,
            accuracy,
            selected,
            seconds(),
        )
        _record_epoch(state, record)
    return record


def _record_epoch(state: TrainingState, record: EpochRecord) -> None:
    position = state.position
    entry = asdict(record)
    del entry["seconds"]
    if position.stage == "head" or (position.history and "stage" in position.history[0]):
        entry["stage"] = position.stage
    position.history.append(entry)
    position.images_seen, position.loss_sum, position.correct_sum = 0, 0.0, 0.0
    position.needs_validation = False


@torch.no_grad()
def _load_ema(eval_module: nn.Module, state: TrainingState) -> None:
    weights = eval_module.state_dict()
    for name, value in state.ema.items():
        weights[name].copy_(value)


def _is_selected(
    state: TrainingState, task: TrainTask, logits: validation.Logits | None, loss: float | None
) -> bool:
    """The newest weights are selected unless an earlier epoch was clearly better on val.

    After a linear probe, unless one was better at all. Better is the mean over classes where the
    recipe balances them.
    """
    if logits is None:
        return True
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
