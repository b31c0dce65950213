"""Put a run together: network, recipe, plan and first state, fresh or from a checkpoint.

Knows nothing of commands or of where images come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foveal import __version__
from foveal.errors import UsageError
from foveal.model.manifest import Manifest
from foveal.network.build import build
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training import device as machine
from foveal.training import optim, progressive_resizing
from foveal.training.loss import compute_class_weights
from foveal.training.rng import Stream, torch_seed
from foveal.training.setup import timing as trial
from foveal.training.setup.budget import SHARE, Budget, affordable, most_epochs
from foveal.training.setup.data import TrainingData, counts
from foveal.training.setup.defaults import SHIFT, ChosenValue, RecipeContext, average, fill_defaults
from foveal.training.setup.init import set_dropout, whiten
from foveal.training.setup.invariance import measure_invariance
from foveal.training.setup.timing import Timing
from foveal.training.state import RunPosition, TrainingState
from foveal.training.task import TrainTask
from foveal.training.tensors import cache_on_device, channel_statistics
from foveal.training.transfer import load_matching_weights


@dataclass(frozen=True)
class Session:
    """A run that is ready to go: `plan` is JSON data that every checkpoint repeats."""

    training: TrainingState
    task: TrainTask
    network: Network
    plan: dict[str, Any]
    choices: tuple[ChosenValue, ...]
    timing: Timing
    not_taken: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainConfig:
    """What a person asked for: a recipe with gaps, a seed, a device, epochs or a budget."""

    recipe: Recipe
    seed: int
    device: torch.device
    budget: Budget | None
    asked: bool = True
    source: Mapping[str, Tensor] | None = None


def measured(network: Network, prepared: TrainingData) -> Network:
    """The network with mean and deviation of the training images where it names none."""
    rule = network.preprocess
    if rule.mean is not None and rule.std is not None:
        return network
    mean, std = channel_statistics(prepared.train.pixels)
    filled = {"mean": rule.mean or mean, "std": rule.std or std}
    return network.model_copy(update={"preprocess": rule.model_copy(update=filled)})


def fresh(network: Network, prepared: TrainingData, wish: TrainConfig) -> Session:
    """A new run; with a budget, trial steps fix its epochs before the first step."""
    network = measured(network, prepared)
    recipe, choices = fill_defaults(wish.recipe, _situation(network, prepared, wish.device))
    rule = network.preprocess.model_copy(
        update={"flip_average": recipe.test_time_augmentation == "flip"}
    )
    network = network.model_copy(update={"preprocess": rule})
    task = _task(network, prepared, recipe, wish.seed, wish.device)
    training, not_taken = _begin(network, prepared, task, wish)
    if task.start_scale < 1:
        _refuse_growing(training, task)
    timing = Timing(0.0, 0.0, 0)
    if wish.budget is not None:
        task, timing, planned = _planned(training, task, wish)
        choices += planned
    else:
        assert recipe.epochs is not None
        training.position.begin_cycle(_steps(recipe.epochs, task))
        if recipe.progressive_resizing is None:
            choices += (
                ChosenValue(
                    "progressive_resizing", 1.0, "the epochs are given, no minutes to save"
                ),
            )
    choices += _settle(training, task)
    task = replace(task, recipe=_with(task.recipe, choices))
    return Session(
        training, task, network, _plan(network, prepared, task, choices, timing, wish),
        choices, timing,
        not_taken,
    )  # fmt: skip


def resumed(facts: Mapping[str, Any], tensors: dict[str, Tensor], prepared: TrainingData,
            device: torch.device, more: float | None) -> Session:  # fmt: skip
    """The run of a checkpoint, exactly where it was; `more` epochs in all begin a further cycle."""
    plan = dict(facts["plan"])
    network = Network.model_validate(plan["network"])
    recipe = Recipe.model_validate(plan["recipe"])
    task = _task(network, prepared, recipe, plan["seed"], device)
    training = _empty(network, prepared, task)
    training.unpack(facts["position"], tensors)
    choices = tuple(ChosenValue(**choice) for choice in plan["choices"])
    if more is not None:
        added = _steps(more, task) - training.position.step
        if added < 1:
            raise UsageError(
                f"this run has {training.position.step / task.steps_per_epoch:g} epochs already; "
                f"ask for more than that with --epochs, not {more:g}"
            )
        training.position.begin_cycle(added)
        further = {"epochs": more, "progressive_resizing": 1.0}  # images have grown already
        task = replace(task, recipe=recipe.model_copy(update=further))
        plan["recipe"] = task.recipe.model_dump(mode="json")
    return Session(training, task, network, plan, choices, Timing(*plan["timing"]))


def manifest(session: Session, prepared: TrainingData) -> Manifest:
    """All that the model file says and that is known before training."""
    recipe = session.task.recipe.model_dump(mode="json")
    return Manifest(
        network=session.network,
        labels=prepared.classes,
        task=prepared.task,
        recipe={**recipe, "seed": session.task.seed},
        data={"fingerprint": prepared.run_data.fingerprint, "counts": prepared.run_data.counts},
        versions={
            "foveal": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        finished=False,
    )


def _situation(network: Network, prepared: TrainingData, device: torch.device) -> RecipeContext:
    rarest, commonest = counts(prepared.train.labels, len(prepared.classes))
    return RecipeContext(
        network,
        len(prepared.train),
        len(prepared.classes),
        rarest,
        commonest,
        measure_invariance(prepared.train.pixels, prepared.train.labels, SHIFT),
        machine.has_fast_bf16(device),
    )


def _task(
    network: Network, prepared: TrainingData, recipe: Recipe, seed: int, device: torch.device
) -> TrainTask:
    weights = None
    if recipe.class_balance == "class_weights":
        weights = compute_class_weights(prepared.train.labels, len(prepared.classes))
    return TrainTask(
        recipe,
        cache_on_device(prepared.train, device),
        prepared.val,
        len(prepared.classes),
        "sigmoid" if prepared.task == "multi" else network.output.function,
        seed,
        device,
        weights,
    )


def _empty(network: Network, prepared: TrainingData, task: TrainTask) -> TrainingState:
    torch.manual_seed(torch_seed(task.seed, Stream.INIT))
    module: torch.nn.Module = build(network, len(prepared.classes), task=prepared.task)
    if task.recipe.dropout is not None:
        set_dropout(module, task.recipe.dropout)
    module = machine.to_device(module, task.device)
    made = optim.make_parameter_groups(module, task.recipe)
    average = {name: value.clone() for name, value in module.state_dict().items()}
    averaged = average if task.recipe.ema_decay != 0 else {}
    return TrainingState(module, made, optim.initial_state(made), averaged, {}, {}, RunPosition())


def _begin(
    network: Network, prepared: TrainingData, task: TrainTask, wish: TrainConfig
) -> tuple[TrainingState, tuple[str, ...]]:
    training = _empty(network, prepared, task)
    not_taken: tuple[str, ...] = ()
    if wish.source is not None:
        not_taken = load_matching_weights(training.module, wish.source)
    else:
        whiten(training.module, network, prepared.train.pixels)
    training.optimizer_state = optim.initial_state(training.parameter_groups)
    now = training.module.state_dict()
    training.ema = {name: now[name].clone() for name in training.ema}
    return training, not_taken


def _steps(epochs: float, task: TrainTask) -> int:
    return max(1, round(epochs * task.steps_per_epoch))


def _planned(
    training: TrainingState, task: TrainTask, wish: TrainConfig
) -> tuple[TrainTask, Timing, tuple[ChosenValue, ...]]:
    """Trial steps, then as many steps as the budget allows; fixed from here on."""
    assert wish.budget is not None
    choices: tuple[ChosenValue, ...] = ()
    if wish.recipe.precision == "auto" and task.recipe.precision == "bf16":
        task, timing, told = trial.precision(training, task, wish.budget.seconds)
        choices += (ChosenValue("precision", task.recipe.precision, told),)
    else:
        timing = trial.measure(training, task, wish.budget.seconds)
    room = SHARE * wish.budget.seconds - wish.budget.used()
    most = _most(task, wish)

    def fit() -> int:
        work = progressive_resizing.mean_relative_cost(task.image_size, task.start_scale, 0.0)
        return affordable(timing, len(task.val), task.steps_per_epoch, room, work)

    if task.recipe.progressive_resizing is None:
        usual = min(most, most_epochs(len(task.train), asked=False))
        choices += (_growing(training, task, fit() >= _steps(usual, task)),)
        task = replace(task, recipe=_with(task.recipe, choices))
    steps = fit()
    reason = f"{steps} steps of {timing.step * 1000:.0f} ms fit into the budget"
    if task.start_scale < 1:
        reason += ", smaller images taking less"
    if steps > _steps(most, task):
        steps = _steps(most, task)
        reason = f"more than {most:g} epochs of {len(task.train)} images would help little"
    training.position.begin_cycle(max(1, steps))
    epochs = float(f"{max(1, steps) / task.steps_per_epoch:.4g}")
    return task, timing, (*choices, ChosenValue("epochs", epochs, reason))


def _growing(training: TrainingState, task: TrainTask, suffices: bool) -> ChosenValue:
    """Whether images grow.  suffices: the budget does for the usual epochs of whole ones."""
    if suffices:
        return ChosenValue(
            "progressive_resizing", 1.0, "the minutes suffice for whole images throughout"
        )
    if task.recipe.translate == 0 and task.recipe.random_crop == 1:
        return ChosenValue(
            "progressive_resizing", 1.0, "images that stay in place would lose by being resized"
        )
    if task.recipe.compile == "on":
        return ChosenValue("progressive_resizing", 1.0, "every size would be compiled anew")
    small = min(
        progressive_resizing.training_size(
            task.image_size, progressive_resizing.DEFAULT_START_SCALE, 0.0
        )
    )
    if small < progressive_resizing.MIN_START_SIDE:
        return ChosenValue(
            "progressive_resizing", 1.0, f"{small} pixels to begin with would show too little"
        )
    channels = task.train.pixels.shape[3]
    if (
        progressive_resizing.find_unsupported_size(
            training.module, channels, task.image_size, progressive_resizing.DEFAULT_START_SCALE
        )
        is not None
    ):
        return ChosenValue("progressive_resizing", 1.0, "the network takes no smaller images")
    reason = (
        f"time is short: images grow from {small} to {min(task.image_size)} pixels for more steps"
    )
    return ChosenValue("progressive_resizing", progressive_resizing.DEFAULT_START_SCALE, reason)


def _refuse_growing(training: TrainingState, task: TrainTask) -> None:
    """Raises UsageError where the recipe asks for sizes that the network cannot compute."""
    channels = task.train.pixels.shape[3]
    small = progressive_resizing.find_unsupported_size(
        training.module, channels, task.image_size, task.start_scale
    )
    if small is not None:
        raise UsageError(
            f"progressive_resizing {task.start_scale:g} trains on smaller images first, but the "
            f"network cannot compute images of {small[0]}x{small[1]} pixels: use "
            "global_avg_pool instead of flatten, a larger progressive_resizing, or 1"
        )


def _most(task: TrainTask, wish: TrainConfig) -> float:
    return wish.recipe.epochs or most_epochs(len(task.train), wish.asked)


def _settle(training: TrainingState, task: TrainTask) -> tuple[ChosenValue, ...]:
    if task.recipe.ema_decay is not None:
        return ()
    chosen = average(training.position.cycle_steps)
    if chosen.value == 0:
        training.ema = {}
    return (chosen,)


def _with(recipe: Recipe, choices: tuple[ChosenValue, ...]) -> Recipe:
    return recipe.model_copy(update={choice.key: choice.value for choice in choices})


def _plan(
    network: Network,
    prepared: TrainingData,
    task: TrainTask,
    choices: tuple[ChosenValue, ...],
    timing: Timing,
    wish: TrainConfig,
) -> dict[str, Any]:
    return {
        "network": network.to_data(),
        "recipe": task.recipe.model_dump(mode="json"),
        "seed": task.seed,
        "classes": list(prepared.classes),
        "task": prepared.task,
        "data": prepared.run_data.fingerprint,
        "minutes": None if wish.budget is None else wish.budget.seconds / 60,
        "choices": [vars(choice) for choice in choices],
        "machine": machine.environment(task.device),
        "most_steps": _steps(_most(task, wish), task),
        "timing": [timing.step, timing.val_image, timing.memory],
    }
