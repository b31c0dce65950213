"""The training loop: a generator that yields a record per step and per epoch.

Between two records the caller prints, stores, shortens or stops, and the TrainingState is always
whole there. Order, augmentation and dropout are pure functions of (seed, step), so on the CPU a
resumed run repeats an unbroken one to the bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foveal.errors import TrainingError
from foveal.spec.recipe import Recipe
from foveal.training.cuda_graphs import GraphedSteps, open_graphs
from foveal.training.epoch import validate_epoch
from foveal.training.events import Recovery, StepRecord, TrainingRecord
from foveal.training.gradients import compute_gradients
from foveal.training.optimizers import moving_average, optim, schedule
from foveal.training.processes.process_group import ProcessGroup
from foveal.training.rng import Stream, torch_seed
from foveal.training.state import TrainingState
from foveal.training.streaming import StreamedPixels
from foveal.training.task import TrainTask, epoch_batches, prepare_batch, upcoming_batches
from foveal.training.transfer.training import max_images_of_pass, training_module

MAX_SKIPPED_STEPS = 3
"""Consecutive steps with a non-finite loss after which the weights are rolled back."""
MAX_ROLLBACKS = 4


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
            record = validate_epoch(state, task, eval_module, time.perf_counter() - epoch_start)
            epoch_start = time.perf_counter()
            yield record
        # the caller may have moved the end of the cycle
        if position.step >= position.cycle_end:
            return
        epoch = position.step // task.steps_per_epoch
        if epoch != batches_epoch:
            batches, batches_epoch = epoch_batches(task, epoch), epoch
        if not state.rollback_point:
            with task.interrupts:
                state.save_rollback_point()
        yield from _train_step(state, task, module, graphs, batches[step_in_epoch], epoch)


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
    learning_rate = schedule.learning_rate(recipe, position)
    with task.interrupts:
        if position.step % task.steps_per_epoch == 0:  # here, where the loss is known to be finite
            state.save_rollback_point()
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
    factor = schedule.learning_rate_factor(recipe, position)
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
    learning_rate = schedule.learning_rate(task.recipe, position)
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
                f"learning rate of {learning_rate:.3g}: look at the data with foveal check, or "
                "start again with a smaller --set learning_rate"
            )
        state.roll_back()
    return Recovery(
        step,
        f"step {step}: {MAX_SKIPPED_STEPS} losses in a row were not finite; the weights were "
        "rolled back to the last good ones and the learning rate was halved",
    )
