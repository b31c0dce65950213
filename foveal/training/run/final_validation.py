"""The last validation of a run: scores of its best weights, and whether they beat chance."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from numpy.typing import NDArray

from foveal.errors import Error, TrainingError
from foveal.prediction.prediction import NOT_FINITE
from foveal.training import validation
from foveal.training.chance import MAX_TESTED_IMAGES, Verdict, compare_with_chance
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.cached_logits import predict_logits_cached
from foveal.training.transfer.training import predict_logits


def validate_best(state: TrainingState, task: TrainTask, *, flip: bool) -> validation.Logits | None:
    """The logits of val as predictions are made, in fp32; None without val.

    Temperature and scores go into the position.  flip: the mean over each image and its mirror
    image.  Raises Error where no epoch has weights.
    """
    if not state.best:
        raise _no_weights(state)
    if not len(task.val):
        _judge_without_val(state, task, flip)
        return None
    logits = _best_logits(state, task, task.val, flip)
    labels, position = task.val.labels, state.position
    position.temperature = validation.fit_temperature(logits, labels, task.activation)
    position.final_scores = {
        "val_accuracy": validation.accuracy(logits, labels),
        "val_loss": validation.negative_log_likelihood(
            logits, labels, task.activation, position.temperature
        ),
        "val_images": len(task.val),
        "epoch": position.best_epoch,
    }
    verdict, judged_on = compare_with_chance(logits, labels), "val"
    if verdict == "undecided":
        verdict, judged_on = _judge_on_train(state, task, flip)[0], "train"
    if verdict == "chance":
        position.final_scores.update(at_chance=True, judged_on=judged_on)
    return logits


def _no_weights(state: TrainingState) -> Error:
    if not state.position.history:
        return Error("training ended before its first step; give it more --minutes")
    return TrainingError(
        f"{NOT_FINITE} after every epoch, so no model was written; start again with a smaller "
        "--set learning_rate"
    )


def _judge_without_val(state: TrainingState, task: TrainTask, flip: bool) -> None:
    """Whether not even the training images are told apart, and a temperature then."""
    verdict, logits, labels = _judge_on_train(state, task, flip)
    if verdict == "chance":
        state.position.final_scores = {"at_chance": True, "judged_on": "train"}
        state.position.temperature = validation.fit_temperature(logits, labels, task.activation)


def _judge_on_train(
    state: TrainingState, task: TrainTask, flip: bool
) -> tuple[Verdict, validation.Logits, NDArray[np.int64]]:
    """What the training images show, where val shows nothing; their logits and labels."""
    step = -(-len(task.train) // MAX_TESTED_IMAGES)
    images = LabelledImages(task.train.pixels[::step], task.train.labels[::step])
    logits = _best_logits(state, task, images, flip)
    return compare_with_chance(logits, images.labels, fitted=True), logits, images.labels


def _best_logits(
    state: TrainingState, task: TrainTask, images: LabelledImages, flip: bool
) -> validation.Logits:
    module = deepcopy(state.module)
    module.load_state_dict(state.best)
    on_cpu = task.device.type == "cpu" and task.processes.size == 1
    if task.recipe.fine_tune == "off" and on_cpu:
        return predict_logits_cached(module, images, flip=flip)
    return predict_logits(
        module, task.recipe, images, task.device, flip=flip, processes=task.processes
    )
