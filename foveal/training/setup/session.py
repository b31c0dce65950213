"""A new run that is ready to train: its state, its task and its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch

from foveal import __version__
from foveal.model.manifest import Manifest
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training.device import environment, has_fast_bf16
from foveal.training.loss import compute_class_weights
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.setup.augmentation_defaults import SMALL_IMAGE_TRANSLATE
from foveal.training.setup.budget import Budget
from foveal.training.setup.checks import (
    check_batches,
    check_freeze,
    check_transfer,
    check_whitening,
)
from foveal.training.setup.chosen import ChosenValue, RecipeContext
from foveal.training.setup.defaults import fill_defaults
from foveal.training.setup.init import starting_state
from foveal.training.setup.invariance import measure_invariance
from foveal.training.setup.optimizer_defaults import choose_ema_decay
from foveal.training.setup.plan import (
    NO_TIMING,
    StepPlan,
    check_progressive_resizing,
    plan_budget,
    plan_epochs,
    with_chosen,
)
from foveal.training.setup.source import describe_source, missing_weights
from foveal.training.setup.timing import Timing
from foveal.training.setup.training_data import TrainingData
from foveal.training.state import TrainingState
from foveal.training.streaming import StreamedPixels
from foveal.training.task import TrainTask
from foveal.training.tensors import cache_on_device, channel_statistics
from foveal.training.transfer.matching import SourceModel, Transfer


@dataclass(frozen=True)
class TrainConfig:
    """How a new run is to be trained.

    recipe: may have gaps.  budget: unlimited where the recipe gives epochs.  minutes_given: a
    person set the budget.  start_from: another model whose weights are the start.  designed: the
    values of the recipe that no person set.  processes: that train together.  factors: by which
    chosen values are multiplied.
    """

    recipe: Recipe
    seed: int
    device: torch.device
    budget: Budget
    minutes_given: bool = True
    start_from: SourceModel | None = None
    designed: tuple[ChosenValue, ...] = ()
    processes: ProcessGroup = ALONE
    factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainSession:
    """A run that is ready to train.

    plan: JSON data that every checkpoint repeats.  chosen: the values Foveal chose.
    transfer: what came from the model to start from.
    """

    state: TrainingState
    task: TrainTask
    network: Network
    data: TrainingData
    plan: dict[str, Any]
    chosen: tuple[ChosenValue, ...]
    timing: Timing
    budget: Budget
    transfer: Transfer = field(default_factory=Transfer)


def start_session(network: Network, data: TrainingData, config: TrainConfig) -> TrainSession:
    """A new run; with a budget, timed steps fix its epochs before the first step."""
    network = with_normalisation(network, data)
    check_transfer(config.recipe, network, data, config.start_from)
    check_whitening(network)
    recipe, chosen = fill_defaults(config.recipe, _recipe_context(network, data, config))
    preprocess = network.preprocess.model_copy(
        update={"flip_average": recipe.test_time_augmentation == "flip"}
    )
    network = network.model_copy(update={"preprocess": preprocess})
    task = make_task(network, data, recipe, config.seed, config.device, config.processes)
    check_batches(task)
    state, transfer = starting_state(network, data, task, config.start_from)
    check_progressive_resizing(state, task)
    check_freeze(state, recipe)
    if recipe.linear_probe == "on":
        state.position.stage = "head"
        steps = StepPlan(task, NO_TIMING, 0, 0, ())  # planned when the output layer is fitted
    elif config.budget.limited:
        steps = plan_budget(
            state, task, config.recipe, config.budget, minutes_given=config.minutes_given
        )
    else:
        steps = plan_epochs(task)
    state.position.begin_cycle(steps.steps)
    chosen = (*config.designed, *chosen, *steps.chosen)
    if recipe.linear_probe != "on":
        chosen = (*chosen, *choose_average(state, task))
    task = replace(steps.task, recipe=with_chosen(steps.task.recipe, chosen))
    plan = _plan(network, data, replace(steps, task=task, chosen=chosen), config)
    return TrainSession(
        state, task, network, data, plan, chosen, steps.timing, config.budget, transfer
    )


def with_normalisation(network: Network, data: TrainingData) -> Network:
    """The network with mean and deviation of the training images where it gives none."""
    preprocess = network.preprocess
    if preprocess.mean is not None and preprocess.std is not None:
        return network
    mean, std = channel_statistics(data.train.pixels)
    update = {"mean": preprocess.mean or mean, "std": preprocess.std or std}
    return network.model_copy(update={"preprocess": preprocess.model_copy(update=update)})


def initial_manifest(session: TrainSession) -> Manifest:
    """All that the model file says and that is known before training."""
    recipe = session.task.recipe.model_dump(mode="json")
    run_data = session.data.run_data
    return Manifest(
        network=session.network,
        labels=session.data.classes,
        task=session.data.task,
        recipe={**recipe, "seed": session.task.seed},
        data={"fingerprint": run_data.fingerprint, "counts": run_data.counts},
        versions={
            "foveal": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        finished=False,
        weights=session.plan.get("start_from", {}).get("weights", {}),
    )


def _recipe_context(network: Network, data: TrainingData, config: TrainConfig) -> RecipeContext:
    source, recipe = config.start_from, config.recipe
    invariance = None
    if recipe.horizontal_flip == "auto" or recipe.translate is None:
        pixels, labels = data.train.pixels, data.train.labels
        invariance = measure_invariance(pixels, labels, SMALL_IMAGE_TRANSLATE)
    return RecipeContext(
        network,
        len(data.train),
        len(data.classes),
        invariance,
        has_fast_bf16(config.device),
        pretrained=source is not None
        and source.pretrained
        and not missing_weights(network, len(data.classes), data.task, source),
        gpu=config.device.type == "cuda",
        factors=config.factors,
    )


def make_task(
    network: Network,
    data: TrainingData,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    processes: ProcessGroup,
) -> TrainTask:
    """What a whole recipe is applied to; train and val are on the GPU where they fit there."""
    balanced = recipe.class_balance == "class_weights"
    return TrainTask(
        recipe,
        cache_on_device(data.train, device),
        cache_on_device(data.val, device),
        len(data.classes),
        "sigmoid" if data.task == "multi" else network.output.function,
        seed,
        device,
        compute_class_weights(data.train.labels, len(data.classes)) if balanced else None,
        network=network,
        processes=processes,
    )


def choose_average(state: TrainingState, task: TrainTask) -> tuple[ChosenValue, ...]:
    """The decay of the moving average, which is dropped where there are too few steps."""
    if task.recipe.ema_decay is not None:
        return ()
    decay = choose_ema_decay(state.position.cycle_steps)
    if decay.value == 0:
        state.ema = {}
    return (decay,)


def _plan(
    network: Network, data: TrainingData, steps: StepPlan, config: TrainConfig
) -> dict[str, Any]:
    return {
        "network": network.to_data(),
        "recipe": steps.task.recipe.model_dump(mode="json"),
        "seed": steps.task.seed,
        "classes": list(data.classes),
        "task": data.task,
        "data": data.run_data.fingerprint,
        "start_from": describe_source(config.start_from),
        "minutes": config.budget.minutes,
        "chosen": [asdict(choice) for choice in steps.chosen],
        "machine": environment(steps.task.device, steps.task.processes.size),
        "max_steps": steps.max_steps,
        "timing": asdict(steps.timing),
        **({"streamed": True} if isinstance(data.train.pixels, StreamedPixels) else {}),
    }
