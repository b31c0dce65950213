"""The forward and backward pass of a batch, in smaller parts where memory runs out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from foveal.errors import TrainingError
from foveal.spec.recipe import Recipe
from foveal.training.loss import classification_loss
from foveal.training.processes.synchronised_norm import leave_uncompiled
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

MAX_ACCUMULATION_STEPS = 256


def compile_module(module: nn.Module, recipe: Recipe) -> nn.Module:
    """The module compiled by torch where the recipe says so, else the module itself."""
    if recipe.compile != "on":
        return module
    leave_uncompiled()
    compiled = torch.compile(
        module,
        options={
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            # a maximum's gradient goes where a value equals it: both must be rounded to 16 bits
            "emulate_precision_casts": True,
        },
    )
    return cast("nn.Module", compiled)


@contextmanager
def _compiler_errors(recipe: Recipe) -> Iterator[None]:
    """Raise TrainingError with one sentence for an error of the compiler."""
    if recipe.compile != "on":
        yield
        return
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        text, _, output = str(error).partition("Output:")
        said = output.strip() or text.strip() or type(error).__name__
        reason = said.splitlines()[0].removesuffix(".")
        raise TrainingError(
            f"compile is on and torch cannot compile the network here: {reason}; set compile=off"
        ) from error


def compute_gradients(
    state: TrainingState,
    task: TrainTask,
    module: nn.Module,
    images: Tensor,
    target: Tensor,
    *,
    max_images: int | None = None,
    batch_images: int | None = None,
) -> tuple[float, float]:
    """Mean loss and number of correct predictions; the gradients lie in the parameters.

    max_images: that are computed at a time.  Where memory runs out the batch is split in twice as
    many parts, here and in later steps.  batch_images: of the whole batch, where other processes
    compute other images of it; loss, count and gradients are those of the whole.  Raises
    TrainingError where one of several processes has no memory.
    """
    batch_images = batch_images or len(images)
    fitting_parts = math.ceil(len(images) / (max_images or len(images)))
    while True:
        try:
            parts = max(state.position.accumulation_steps, fitting_parts)
            loss, correct = _accumulate_gradients(
                state, task, module, images, target, parts, batch_images
            )
            break
        except RuntimeError as error:
            max_parts = min(MAX_ACCUMULATION_STEPS, len(images) // task.min_batch_images)
            if not _is_out_of_memory(error) or state.position.accumulation_steps >= max_parts:
                raise
            if task.processes.size > 1:  # the others compute already, and cannot begin again
                raise _no_memory(task, len(images)) from error
        state.undo_step()
        state.begin_step()
        state.position.accumulation_steps *= 2
    parameters = list(state.module.parameters())
    loss, correct = task.processes.sum_gradients(parameters, loss, correct)
    return loss, correct


def _no_memory(task: TrainTask, images: int) -> TrainingError:
    return TrainingError(
        f"process {task.processes.rank} of {task.processes.size} has no memory for its {images} "
        f"images of each batch; take more processes, or a smaller --set batch_size than "
        f"{task.recipe.batch_size}"
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "not enough memory" in text
        or "can't allocate memory" in text
    )


def _accumulate_gradients(
    state: TrainingState,
    task: TrainTask,
    module: nn.Module,
    images: Tensor,
    target: Tensor,
    parts: int,
    batch_images: int,
) -> tuple[float, float]:
    """Of this process's images, as shares of the whole batch's mean."""
    for parameter in state.module.parameters():
        parameter.grad = None
    weights = class_weights(task)
    mean_loss = torch.zeros((), device=task.device)
    correct = torch.zeros((), device=task.device)
    fewest = batch_images // task.processes.size  # all processes have as many parts
    parts = max(1, min(parts, fewest // task.min_batch_images))
    batches = zip(images.tensor_split(parts), target.tensor_split(parts), strict=True)
    for batch, batch_target in batches:
        share = len(batch) / batch_images
        with _compiler_errors(task.recipe):
            loss, logits = batch_loss(task, module, batch, batch_target, weights)
            loss = share * loss
            torch.autograd.backward(loss)
        mean_loss += loss.detach()
        correct += count_correct(task, logits.detach(), batch_target)
    return float(mean_loss), float(correct)


def class_weights(task: TrainTask) -> Tensor | None:
    """(classes,) weights of the loss on the device, where classes are balanced so."""
    if task.class_weights is None:
        return None
    return torch.from_numpy(task.class_weights).to(task.device)


def batch_loss(
    task: TrainTask, module: nn.Module, images: Tensor, target: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The mean loss, and the logits, in the precision of the recipe."""
    bf16 = task.recipe.precision == "bf16"
    with torch.autocast(task.device.type, torch.bfloat16, enabled=bf16):
        logits = module(images)
    return classification_loss(logits, target, task.activation, task.recipe, weights), logits


def count_correct(task: TrainTask, logits: Tensor, target: Tensor) -> Tensor:
    """Correct predictions; for several labels an image, the sum of its share of correct ones."""
    if logits.shape[1] == 1:
        return ((logits > 0) == (target > 0.5)).sum()
    if task.train.labels.ndim == 1:
        return (logits.argmax(dim=1) == target.argmax(dim=1)).sum()
    return ((logits > 0) == (target > 0.5)).float().mean(dim=1).sum()
