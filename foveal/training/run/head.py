"""The first stage of a run that starts from another model: fit the output layer to its features.

It ends with a whole model file; what follows is planned with the time that is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.network.fused.extractor import split_head
from foveal.progress import Progress, silent
from foveal.text import plural
from foveal.training import loop, optim, sampler, validation
from foveal.training.device import has_fast_bf16
from foveal.training.events import EpochRecord
from foveal.training.loss import compute_class_weights, encode_targets, loss_weights
from foveal.training.run.driver import RunContext, handle_record, save_elapsed, save_state
from foveal.training.run.shared_session import all_cores
from foveal.training.run.summary import chosen_line, time_line, write_recipe
from foveal.training.setup.defaults import ChosenValue
from foveal.training.setup.fine_tuning import plan_fine_tuning, with_chosen_values
from foveal.training.setup.session import TrainSession, initial_manifest
from foveal.training.state import TrainingState
from foveal.training.streaming import Pixels
from foveal.training.task import TrainTask
from foveal.training.transfer.feature_cache import Extract, with_cache
from foveal.training.transfer.features import extract_features
from foveal.training.transfer.head import FittedHead, HeadData, counts_left_out, fit_head
from foveal.training.transfer.training import predict_logits

MAX_FEATURE_BYTES = 2**29
"""Of features in memory, of train and of val, which the fit doubles; the output layer is fitted to
no more of them."""
MAX_BUDGET_SHARE = 0.5
"""Of the time that is left when features are begun, that they may take."""
MAX_MIRRORED_IMAGES = 500
"""Of train, up to which features are the mean with those of the mirror image, where predictions
are too: 0.4 points with 20 images a class (docs/design-notes.md); more images would cost too much
time."""
CHUNK_IMAGES = 512
"""Images between two looks at the clock."""


def run_first_stages(session: TrainSession, context: RunContext) -> tuple[TrainSession, RunContext]:
    """Fit the output layer, write the first model file, and plan the rest of the run.

    Ctrl-C and SIGTERM are raised on; what was complete is saved.
    """
    try:
        if session.state.position.stage == "head":
            with all_cores(session.task.processes):
                session = fit_output_layer(session, context)
            context = _context_of(session, context)
            save_state(session.state, session.task, context)
        session = _plan_the_rest(session, context)
    except (KeyboardInterrupt, SystemExit):
        save_elapsed(context)
        context.progress.message("saved before the first step; continue with --resume")
        raise
    context = _context_of(session, context)
    save_state(session.state, session.task, context)
    return session, context


def _context_of(session: TrainSession, context: RunContext) -> RunContext:
    return replace(
        context,
        manifest=initial_manifest(session),
        plan=session.plan,
        timing=session.timing,
        max_steps=session.plan["max_steps"],
    )


def _plan_the_rest(session: TrainSession, context: RunContext) -> TrainSession:
    known = len(session.chosen)
    session = plan_fine_tuning(session)
    session.state.position.stage = "training"
    for choice in session.chosen[known:]:
        context.progress.message(chosen_line(choice))
    if session.task.recipe.fine_tune == "on":
        context.progress.message(time_line(session))
    write_recipe(context.folder, session)
    return session


def fit_output_layer(session: TrainSession, context: RunContext) -> TrainSession:
    """The session whose output layer is fitted; the first model file is written.

    Its plan says how many seconds the features of an image took.
    """
    started = time.perf_counter()
    state, task = session.state, session.task
    _, output = split_head(state.module)
    features = collect_features(session, context.progress)
    fitted = _fit(task, features)
    chosen = (*features.chosen, *_strength_choice(task, features, fitted))
    plan = {**session.plan, "feature_seconds": features.image_seconds}
    session = with_chosen_values(replace(session, plan=plan), chosen)
    with task.interrupts:
        _set_output_layer(state, output, fitted)
        _count_train(state, task, features, fitted)
        record = loop.close_epoch(
            state,
            task,
            state.module,
            _val_logits(state, task, features, fitted),
            lambda: time.perf_counter() - started,
        )
        state.position.stage = "plan"
    context = _context_of(session, context)
    context.on_record(record)
    handle_record(record, state, session.task, context)
    for choice in chosen:
        context.progress.message(chosen_line(choice))
    context.progress.message(_head_line(session, record, len(features.rows)))
    return session


@dataclass(frozen=True)
class CollectedFeatures:
    """Features of images: rows of train, (n, D) fp32 of each, and of val's first ones.

    image_seconds: that one of train took.  chosen: how many of train they are, where they are not
    all.
    """

    rows: NDArray[np.int64]
    train: Tensor
    val: Tensor
    image_seconds: float = 0.0
    chosen: tuple[ChosenValue, ...] = ()


def collect_features(session: TrainSession, progress: Progress) -> CollectedFeatures:
    """Of all val images and of train, as many as the recipe, memory and time allow."""
    task, budget = session.task, session.budget
    backbone, output = split_head(session.state.module)
    most = max(task.class_count, MAX_FEATURE_BYTES // (4 * output.in_features))
    requested = task.recipe.head_images or len(task.train)
    count = min(requested, most, len(task.train))
    # in the order of the files, whose pixels lie side by side
    rows = sampler.proportional_order(task.train.labels, task.seed)[:count]
    every_row = count == len(task.train) and not budget.limited
    rows = np.sort(rows) if every_row else rows
    left = budget.remaining()

    def is_late() -> bool:
        return budget.remaining() < (1 - MAX_BUDGET_SHARE) * left

    def extract(pixels: NDArray[np.uint8]) -> Tensor:
        return extract_features(backbone, pixels, task.device, silent)

    def extract_mean(pixels: NDArray[np.uint8]) -> Tensor:
        return (extract(pixels) + extract(np.ascontiguousarray(pixels[:, :, ::-1]))) / 2

    plain: Extract = extract
    mean: Extract = extract_mean
    if task.recipe.fine_tune == "off":  # as where a head is fitted again to labels that were mended
        way = "bf16" if has_fast_bf16(task.device) else "fp32"
        plain = with_cache(extract, backbone, output.in_features, way)
        mean = with_cache(extract_mean, backbone, output.in_features, f"{way} mirrored")
    mirrored = task.recipe.test_time_augmentation == "flip" and count <= MAX_MIRRORED_IMAGES
    chunk = max(CHUNK_IMAGES, task.class_count)
    val_rows = np.arange(min(len(task.val), most))
    val = _in_chunks(plain, task.val.pixels, val_rows, chunk, progress)
    started = time.perf_counter()
    train = _in_chunks(
        mean if mirrored else plain, task.train.pixels, rows, chunk, progress, is_late
    )
    seconds = (time.perf_counter() - started) / (len(train) * (1 + mirrored))
    chosen = _count_choice(task, len(train), requested, most)
    return CollectedFeatures(rows[: len(train)], train, val, seconds, chosen)


def _in_chunks(
    extract: Extract,
    pixels: Pixels,
    rows: NDArray[np.int64],
    chunk: int,
    progress: Progress,
    is_late: Callable[[], bool] = lambda: False,
) -> Tensor:
    """(n, D) features of the rows, in their order; fewer where it gets late."""
    chunks: list[Tensor] = []
    for start in range(0, len(rows), chunk):
        if start and is_late():
            break
        progress("features", start, len(rows))
        chunks.append(extract(pixels[rows[start : start + chunk]]))
    progress("features", len(rows), len(rows))
    return torch.cat(chunks) if chunks else torch.zeros(0)


def _count_choice(
    task: TrainTask, count: int, requested: int, most: int
) -> tuple[ChosenValue, ...]:
    if count >= min(requested, len(task.train)):
        return ()
    reason = "features of more would take over half of the time left"
    if count == most:
        reason = f"features of more would take over {MAX_FEATURE_BYTES >> 20:,} MB of memory"
    return (ChosenValue("head_images", count, reason),)


def _fit(task: TrainTask, features: CollectedFeatures) -> FittedHead:
    strength = task.recipe.head_l2
    return fit_head(
        _head_data(task, features.train, task.train.labels[features.rows]),
        _head_data(task, features.val, task.val.labels[: len(features.val)]),
        activation=task.activation,
        strengths=None if strength is None else (strength,),
    )


def _head_data(task: TrainTask, features: Tensor, labels: NDArray[np.int64]) -> HeadData:
    targets = encode_targets(labels, task.class_count, task.units)
    class_weights = _class_weights(task)
    if class_weights is None:
        return HeadData(features, targets)
    weights = torch.from_numpy(class_weights)
    return HeadData(features, targets, loss_weights(targets, task.activation, weights))


def _class_weights(task: TrainTask) -> NDArray[np.float32] | None:
    """Those of the recipe; balanced samples of images are the same for a fit to all of them."""
    labels = task.train.single_labels()
    if task.recipe.class_balance == "sampling" and labels is not None:
        return compute_class_weights(labels, task.class_count)
    return task.class_weights


def _val_logits(
    state: TrainingState, task: TrainTask, features: CollectedFeatures, fitted: FittedHead
) -> validation.Logits | None:
    if not len(task.val):
        return None
    if len(features.val) == len(task.val):
        return fitted.val_logits.numpy()
    return predict_logits(state.module, task.recipe, task.val, task.device)


def _strength_choice(
    task: TrainTask, features: CollectedFeatures, fitted: FittedHead
) -> tuple[ChosenValue, ...]:
    if task.recipe.head_l2 is not None:
        return ()
    parts = ["val"] if len(features.val) else []
    if counts_left_out(len(features.train), len(features.val)):
        parts.append("images of train that are left out in turn")
    reason = f"most likely labels on {' and '.join(parts)}"
    return (ChosenValue("head_l2", fitted.strength, reason),)


@torch.no_grad()
def _set_output_layer(state: TrainingState, output: nn.Linear, fitted: FittedHead) -> None:
    output.weight.copy_(fitted.weight)
    output.bias.copy_(fitted.bias)
    state.optimizer_state = optim.initial_state(state.parameter_groups)
    now = state.module.state_dict()
    state.ema = {name: now[name].clone() for name in state.ema}


def _count_train(
    state: TrainingState, task: TrainTask, features: CollectedFeatures, fitted: FittedHead
) -> None:
    """Loss and accuracy of the fitted layer on the images it was fitted to."""
    logits = (features.train.cpu() @ fitted.weight.cpu().T + fitted.bias.cpu()).numpy()
    labels = task.train.labels[features.rows]
    position, count = state.position, len(labels)
    position.images_seen = count
    loss = validation.negative_log_likelihood(logits, labels, task.activation)
    position.loss_sum = count * loss
    position.correct_sum = count * validation.accuracy(logits, labels)


def _head_line(session: TrainSession, record: EpochRecord, images: int) -> str:
    split, accuracy, count = "validation", record.val_accuracy, len(session.task.val)
    if accuracy is None:
        split, accuracy, count = "training", record.train_accuracy or 0.0, images
    return (
        f"model file after {session.budget.used():.1f} s: {split} accuracy "
        f"{100 * accuracy:.2f} % (n={count:,}), the output layer fitted to features of "
        f"{plural(images, 'image')}"
    )
