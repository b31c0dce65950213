"""The loop: a generator that trains and yields a record a step and an epoch.

Knows nothing of folders, terminals or time budgets: between two records its caller prints,
stores, shortens or stops, and the state in `Training` is always whole there. Order, augmentation
and dropout are pure functions of (seed, step), so a resumed run repeats an unbroken one to the bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.errors import TrainingError
from foveal.spec.recipe import Recipe
from foveal.training import optim, progressive_resizing, sampler, schedule, validation
from foveal.training.augment import augment
from foveal.training.events import EpochRecord, Recovery, StepRecord, TrainingRecord
from foveal.training.interrupts import InterruptGuard
from foveal.training.loss import classification_loss as loss_of
from foveal.training.loss import encode_targets
from foveal.training.rng import derive_key
from foveal.training.state import TrainingState
from foveal.training.tensors import LabelledImages

DROPOUT = 31
"""Stream of chance for dropout."""
PATIENCE, MOST_ROLLBACKS, MOST_MICRO = 3, 4, 256
EARLY = 1e-4


@dataclass(frozen=True)
class TrainTask:
    """What is trained on what. `recipe` is whole; `classes` counts the labels."""

    recipe: Recipe
    train: LabelledImages
    val: LabelledImages
    class_count: int
    activation: validation.Activation
    seed: int
    device: torch.device
    class_weights: NDArray[np.float32] | None = None
    interrupts: InterruptGuard = field(default_factory=InterruptGuard)

    @property
    def image_size(self) -> progressive_resizing.Size:
        """Height and width of whole images."""
        return self.train.pixels.shape[1], self.train.pixels.shape[2]

    @property
    def start_scale(self) -> float:
        """Share of the side that training starts at."""
        return self.recipe.progressive_resizing or 1.0

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every training image is shown once."""
        assert self.recipe.batch_size is not None
        return sampler.steps_per_epoch(len(self.train), self.recipe.batch_size)


def train(training: TrainingState, task: TrainTask) -> Generator[TrainingRecord]:
    """Train from where `training.position` is to the end of its cycle.

    Raises TrainingError when losses stay non-finite after every remedy.
    """
    position = training.position
    an_epoch = task.steps_per_epoch
    twin = deepcopy(training.module) if training.ema else training.module
    run = _compiled(training.module, task.recipe)
    started = time.perf_counter()
    plan: list[NDArray[np.int64]] = []
    planned = -1
    while True:
        if position.needs_validation and (
            position.step % an_epoch == 0 or position.step >= position.cycle_end
        ):
            record = _validate(training, task, twin, time.perf_counter() - started)
            started = time.perf_counter()
            yield record
        if position.step >= position.cycle_end or _stale(training, task):
            return
        epoch = position.step // an_epoch
        if epoch != planned:
            plan, planned = _plan(task, epoch), epoch
        if position.step % an_epoch == 0 or not training.rollback_point:
            with task.interrupts:
                training.save_rollback_point()
        yield from _step(training, task, run, plan[position.step % an_epoch], epoch)


def _compiled(module: nn.Module, recipe: Recipe) -> nn.Module:
    if recipe.compile != "on":
        return module
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
def _compiling(recipe: Recipe) -> Iterator[None]:
    """Tells what the compiler says, forward or backward, in one sentence."""
    if recipe.compile != "on":
        yield
        return
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        text, _, printed = str(error).partition("Output:")
        why = (printed.strip() or text).splitlines()[0].removesuffix(".")
        raise TrainingError(
            f"compile is on and torch cannot compile the network here: {why}; set compile=off"
        ) from error


def _stale(training: TrainingState, task: TrainTask) -> bool:
    patience = task.recipe.early_stopping_epochs
    return patience is not None and training.position.epochs_without_improvement >= patience


def _plan(task: TrainTask, epoch: int) -> list[NDArray[np.int64]]:
    balanced = task.train.single_labels() if task.recipe.class_balance == "sampling" else None
    shown = sampler.epoch_order(len(task.train), task.seed, epoch, balanced)
    return sampler.split_batches(shown, task.steps_per_epoch)


def current_lr_factor(training: TrainingState, recipe: Recipe) -> float:
    """Factor of the peak learning rate for the step that comes next."""
    return schedule.lr_factor(recipe, training.position.progress) * training.position.lr_scale


def _step(
    training: TrainingState,
    task: TrainTask,
    run: nn.Module,
    positions: NDArray[np.int64],
    epoch: int,
) -> Iterator[TrainingRecord]:
    clock = time.perf_counter()
    position, recipe = training.position, task.recipe
    training.module.train()
    training.begin_step()
    torch.manual_seed(int(derive_key(task.seed, DROPOUT, position.step) >> np.uint64(1)))
    images, target = prepare_batch(task, positions, epoch, position.progress)
    mean, right = _gradients(training, task, run, images, target)
    if not math.isfinite(mean):
        yield _not_finite(training, task, mean)
        return
    factor = current_lr_factor(training, recipe)
    with task.interrupts:
        optim.clip_grad_norm(training.parameter_groups, recipe.grad_clip_norm)
        optim.step(training.parameter_groups, training.optimizer_state, factor, position.step)
        _average(training, recipe)
        position.step += 1
        position.needs_validation, position.consecutive_skipped_steps = True, 0
        position.images_seen += len(positions)
        position.loss_sum += mean * len(positions)
        position.correct_sum += right
        training.commit_step()
    seconds = time.perf_counter() - clock
    peak = recipe.learning_rate or 0.0
    yield StepRecord(
        position.step,
        epoch + 1,
        len(positions),
        mean,
        right / len(positions),
        peak * factor,
        seconds,
    )


def prepare_batch(
    task: TrainTask, positions: NDArray[np.int64], epoch: int, progress: float
) -> tuple[Tensor, Tensor]:
    """Augmented (n, C, H, W) images in 0..255 and (n, units) targets of a batch."""
    batch = task.train.batch(positions, task.device)
    units = 1 if task.activation == "sigmoid" and task.class_count == 2 else task.class_count
    if task.train.labels.ndim == 2:
        units = task.class_count
    target = encode_targets(task.train.labels[positions], task.class_count, units).to(task.device)
    images, target = augment(batch, target, positions, task.recipe, task.seed, epoch)
    size = progressive_resizing.training_size(task.image_size, task.start_scale, progress)
    if size != task.image_size:
        images = F.interpolate(images, size=size, mode="area")
    return images.contiguous(memory_format=torch.channels_last), target


def _gradients(
    training: TrainingState,
    task: TrainTask,
    run: nn.Module,
    images: Tensor,
    target: Tensor,
) -> tuple[float, float]:
    """Mean loss and number of right answers; smaller parts where memory runs out."""
    while True:
        try:
            return _accumulated(training, task, run, images, target)
        except RuntimeError as error:
            if not _out_of_memory(error) or training.position.accumulation_steps >= min(
                MOST_MICRO, len(images)
            ):
                raise
        training.undo_step()
        training.begin_step()
        training.position.accumulation_steps *= 2


def _out_of_memory(error: RuntimeError) -> bool:
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "not enough memory" in text
        or "can't allocate memory" in text
    )


def _accumulated(
    training: TrainingState,
    task: TrainTask,
    run: nn.Module,
    images: Tensor,
    target: Tensor,
) -> tuple[float, float]:
    for parameter in training.module.parameters():
        parameter.grad = None
    weight = None if task.class_weights is None else torch.from_numpy(task.class_weights)
    weight = None if weight is None else weight.to(task.device)
    bf16 = task.recipe.precision == "bf16"
    mean = torch.zeros((), device=task.device)
    right = torch.zeros((), device=task.device)
    parts = min(training.position.accumulation_steps, len(images))
    for part, aim in zip(images.tensor_split(parts), target.tensor_split(parts), strict=True):
        share = len(part) / len(images)
        with _compiling(task.recipe):
            with torch.autocast(task.device.type, torch.bfloat16, enabled=bf16):
                out = run(part)
            value = loss_of(out, aim, task.activation, task.recipe, weight) * share
            torch.autograd.backward(value)
        mean += value.detach()
        right += _right(out.detach(), aim)
    return float(mean), float(right)


def _right(out: Tensor, target: Tensor) -> Tensor:
    if out.shape[1] == 1:
        return ((out > 0) == (target > 0.5)).sum()
    if target.sum(dim=1).allclose(target.new_ones(())):
        return (out.argmax(dim=1) == target.argmax(dim=1)).sum()
    return ((out > 0) == (target > 0.5)).float().mean(dim=1).sum()


@torch.no_grad()
def _average(training: TrainingState, recipe: Recipe) -> None:
    if not training.ema:
        return
    done = training.position.step
    decay = min(recipe.ema_decay or 0.0, (1 + done) / (10 + done))
    now = training.module.state_dict()
    moving = [name for name, value in training.ema.items() if value.is_floating_point()]
    torch._foreach_lerp_(
        [training.ema[name] for name in moving], [now[name] for name in moving], 1 - decay
    )
    for name in training.ema.keys() - set(moving):
        training.ema[name].copy_(now[name])


def _not_finite(training: TrainingState, task: TrainTask, mean: float) -> Recovery:
    position = training.position
    step = position.step + 1
    rate_now = (task.recipe.learning_rate or 0.0) * current_lr_factor(training, task.recipe)
    with task.interrupts:
        training.undo_step()
        position.step += 1
        position.needs_validation = True
        position.consecutive_skipped_steps += 1
        if position.consecutive_skipped_steps < PATIENCE:
            return Recovery(step, f"step {step}: the loss is {mean}, so this step was skipped")
        if position.rollbacks >= MOST_ROLLBACKS:
            raise TrainingError(
                f"the loss is {mean} at steps {step - PATIENCE + 1} to {step} even at a learning "
                f"rate of {rate_now:.3g}; the last good state is kept: look at the data with "
                "foveal check, or start again with a smaller --set learning_rate"
            )
        training.roll_back()
    return Recovery(
        step,
        f"step {step}: {PATIENCE} losses in a row were not finite, so the weights went back to "
        f"the last good ones and the learning rate is halved",
    )


def _validate(
    training: TrainingState, task: TrainTask, twin: nn.Module, seconds: float
) -> EpochRecord:
    position = training.position
    _fill(twin, training.ema)
    clock = time.perf_counter()
    loss = score = values = None
    if len(task.val):
        values = validation.compute_logits(
            twin, task.val, task.device, bf16=task.recipe.precision == "bf16"
        )
        loss = validation.negative_log_likelihood(values, task.val.labels, task.activation)
        score = validation.accuracy(values, task.val.labels)
        loss = loss if math.isfinite(loss) else None
    epoch = -(-position.step // task.steps_per_epoch)
    with task.interrupts:
        kept = _keep(training, task, twin, score, loss, epoch)
        if kept and values is not None:
            position.temperature = validation.fit_temperature(
                values, task.val.labels, task.activation
            )
        seen = max(1, position.images_seen)
        record = EpochRecord(
            epoch,
            position.step,
            (task.recipe.learning_rate or 0.0) * current_lr_factor(training, task.recipe),
            position.loss_sum / seen if position.images_seen else None,
            position.correct_sum / seen if position.images_seen else None,
            loss,
            score,
            kept,
            seconds + time.perf_counter() - clock,
        )
        line = asdict(record)
        del line["seconds"]
        position.history.append(line)
        position.images_seen, position.loss_sum, position.correct_sum = 0, 0.0, 0.0
        position.needs_validation = False
    return record


@torch.no_grad()
def _fill(twin: nn.Module, average: dict[str, Tensor]) -> None:
    own = twin.state_dict()
    for name, value in average.items():
        own[name].copy_(value)


def _keep(
    training: TrainingState,
    task: TrainTask,
    twin: nn.Module,
    score: float | None,
    loss: float | None,
    epoch: int,
) -> bool:
    """The newest weights are kept unless an earlier epoch was clearly better on val."""
    position = training.position
    if score is not None:
        if loss is None:
            return False
        slack = validation.standard_error(position.best_val_accuracy, len(task.val))
        better = score > position.best_val_accuracy + EARLY
        position.epochs_without_improvement = (
            0 if better else position.epochs_without_improvement + 1
        )
        if position.best_epoch and score < position.best_val_accuracy - slack:
            return False
        position.best_val_accuracy = max(position.best_val_accuracy, score)
    position.best_epoch = epoch
    training.best = {name: value.clone() for name, value in twin.state_dict().items()}
    return True
