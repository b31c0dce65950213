"""The first stage of a run that starts from another model: fit the output layer to its features.

It ends with a whole model file; what follows is planned with the time that is left.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.network.fused.extractor import split_head
from foveal.text import plural
from foveal.training import validation
from foveal.training.epoch import close_epoch
from foveal.training.events import EpochRecord
from foveal.training.loss import compute_class_weights, encode_targets, loss_weights
from foveal.training.run.context import RunContext
from foveal.training.run.driver import handle_record
from foveal.training.run.head_features import (
    CollectedFeatures,
    collect_features,
    mean_val_features,
)
from foveal.training.run.outputs import save_elapsed, save_state
from foveal.training.run.shared_session import all_cores
from foveal.training.run.summary import chosen_line, time_line, write_recipe
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.fine_tuning import plan_fine_tuning, with_chosen_values
from foveal.training.setup.session import TrainSession, initial_manifest
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.transfer.head import FittedHead, HeadData, counts_left_out, fit_head
from foveal.training.transfer.training import predict_logits


def run_first_stages(
    session: TrainSession, context: RunContext, *, new: bool = False
) -> tuple[TrainSession, RunContext]:
    """Fit the output layer, write the first model file, and plan the rest of the run.

    new: no checkpoint is written yet.  Ctrl-C and SIGTERM are raised on; what was complete is
    saved.
    """
    try:
        if new:  # killed before its first step, the run can be resumed as it was requested
            save_state(session.state, session.task, context)
        if session.state.position.stage == "head":
            with all_cores(session.task.processes):
                session = fit_output_layer(session, context)
            context = _context_of(session, context)
            save_state(session.state, session.task, context)
        session = _plan_the_rest(session, context)
        context = _context_of(session, context)
        save_state(session.state, session.task, context)
    except (KeyboardInterrupt, SystemExit):
        session.task.interrupts.caught()
        if save_elapsed(context):
            context.progress.message("saved before the first step; continue with --resume")
        raise
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
        record = close_epoch(
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
    context.progress.message(_head_line(session, context, record, features, fitted))
    return session


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
    state.restart_optimizer()


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


def _head_line(
    session: TrainSession,
    context: RunContext,
    record: EpochRecord,
    features: CollectedFeatures,
    fitted: FittedHead,
) -> str:
    """The accuracy is that of predictions, as at the end of the run; epochs count plain images."""
    seconds, task = session.budget.used(), session.task
    split, accuracy, count = "validation", record.val_accuracy, len(task.val)
    if accuracy is None:
        split, accuracy, count = "training", record.train_accuracy or 0.0, len(features.rows)
    elif len(features.val) == count:
        val = mean_val_features(session, features, context.progress)
        logits = (val @ fitted.weight.T + fitted.bias).numpy()
        accuracy = validation.accuracy(logits, task.val.labels)
    return (
        f"model file after {seconds:.1f} s: {split} accuracy "
        f"{100 * accuracy:.2f} % (n={count:,}), the output layer fitted to features of "
        f"{plural(len(features.rows), 'image')}"
    )
