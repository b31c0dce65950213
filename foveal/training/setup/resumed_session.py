"""A run of a checkpoint that is ready to train further, to its end or to a new one."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import torch

from foveal.errors import UsageError
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training.checkpoint import Checkpoint
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.setup.budget import (
    PLANNED_SHARE,
    Budget,
    max_useful_epochs,
    steps_within,
)
from foveal.training.setup.checks import check_batches
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.init import seeded_state
from foveal.training.setup.plan import epochs_to_steps
from foveal.training.setup.request import with_keys
from foveal.training.setup.session import TrainSession, make_task
from foveal.training.setup.timing import Timing, time_steps
from foveal.training.setup.training_data import TrainingData
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask


def resume_session(
    checkpoint: Checkpoint,
    data: TrainingData,
    device: torch.device,
    budget: Budget,
    *,
    epochs: float | None = None,
    minutes: float | None = None,
    processes: ProcessGroup = ALONE,
) -> TrainSession:
    """The run of a checkpoint, exactly where it was.

    epochs, minutes: its length in all, where that is to change. A run whose steps are all done gets
    a further cycle of the schedule; in another one it goes on from where it is to the new end.
    """
    plan = dict(checkpoint.metadata["plan"])
    network = Network.model_validate(plan["network"])
    recipe = Recipe.model_validate(plan["recipe"])
    task = make_task(network, data, recipe, plan["seed"], device, processes)
    check_batches(task)
    state = seeded_state(network, data, task)
    state.unpack(checkpoint.metadata["position"], checkpoint.tensors)
    if epochs is not None:
        task = _with_epochs(state, task, epochs)
        plan["minutes"] = None
    elif minutes is not None:
        plan["minutes"] = minutes
        max_epochs = max_useful_epochs(len(task.train), minutes_given=True)
        most = epochs_to_steps(max_epochs, task)
        plan["max_steps"] = state.position.step + most
        if state.position.is_over:
            task, timing = _with_time_left(state, task, budget, most)
            plan["timing"] = asdict(timing)
    plan["recipe"] = task.recipe.model_dump(mode="json")
    chosen = tuple(ChosenValue(**choice) for choice in plan["chosen"])
    return TrainSession(state, task, network, data, plan, chosen, Timing(**plan["timing"]), budget)


def _with_epochs(state: TrainingState, task: TrainTask, epochs: float) -> TrainTask:
    """The task that ends after so many epochs in all, in a further cycle where all steps are done.

    Raises SpecError for what no recipe can have.
    """
    position, recipe = state.position, with_keys(task.recipe, {"epochs": float(epochs)})
    steps = epochs_to_steps(epochs, task) - position.step
    if steps < 1:
        raise UsageError(
            f"this run has {position.step / task.steps_per_epoch:g} epochs already; "
            f"ask for more than that with --epochs, not {epochs:g}"
        )
    if position.is_over:
        return _with_further_cycle(state, task, steps, epochs)
    if position.stage == "training":
        position.set_remaining_steps(steps)
    return replace(task, recipe=recipe)


def _with_time_left(
    state: TrainingState, task: TrainTask, budget: Budget, most: int
) -> tuple[TrainTask, Timing]:
    """The task of a further cycle of as many steps as the time that is left allows, up to `most`.

    Where it allows none, a run that is still to be finished ends with the steps it has.
    """
    step, minutes = state.position.step, budget.seconds / 60
    timing = time_steps(state, task, max(0.0, budget.remaining()))
    steps = steps_within(
        budget.remaining() - (1 - PLANNED_SHARE) * budget.seconds,
        timing,
        val_images=len(task.val),
        steps_per_epoch=task.steps_per_epoch,
    )
    if steps < 1 and not state.position.finished:
        return task, timing
    if steps < 1:
        raise UsageError(
            f"this run has used {budget.used() / 60:.3g} minutes already, and {minutes:g} leave no "
            "time for another step; ask for more with --minutes"
        )
    steps = min(steps, most)
    epochs = float(f"{(step + steps) / task.steps_per_epoch:.4g}")
    return _with_further_cycle(state, task, steps, epochs), timing


def _with_further_cycle(
    state: TrainingState, task: TrainTask, steps: int, epochs: float
) -> TrainTask:
    state.position.begin_cycle(steps)
    changes: dict[str, Any] = {"epochs": epochs, "progressive_resizing": 1.0}  # they have grown
    if task.recipe.fine_tune == "off":
        changes["fine_tune"] = "on"
    return replace(task, recipe=task.recipe.model_copy(update=changes))
