"""Plan what follows the fitted output layer: whether, for how long and in which layers to train."""

from __future__ import annotations

from dataclasses import asdict, replace

from foveal.training import optim
from foveal.training.setup.budget import finish_seconds
from foveal.training.setup.defaults import ChosenValue
from foveal.training.setup.plan import StepPlan, plan_budget, plan_epochs, with_chosen
from foveal.training.setup.session import TrainSession, choose_average
from foveal.training.setup.timing import Timing

MAX_EPOCHS = 20.0
"""Passes over few images; many images need fewer."""
MIN_EPOCHS, SHORT_EPOCHS = 1.0, 2.0
"""Fewer are not worth the time; below the second, early layers are frozen."""
FROZEN_SHARE = 0.5
"""Of the layers that are frozen where time is short."""
MIN_IMAGES, MIN_VAL_IMAGES = 100, 20
"""Of train and val, from which on fine-tuning is tried."""
MIN_STEP_COST = 2.5
"""Seconds of an image in a step, with smaller images and frozen layers, are at least so many times
those of its features; with less time no steps are timed."""
MIN_SECONDS = 3.0
"""Of the budget that must be left for steps to be timed at all."""


def plan_fine_tuning(session: TrainSession, feature_seconds: float = 0.0) -> TrainSession:
    """The session of a fitted output layer with its whole recipe and plan.

    feature_seconds: that the features of an image took; 0 where it was not measured.
    """
    reason = _reason_to_skip(session, feature_seconds)
    if reason is not None:
        return _without(session, reason)
    plan = _plan_steps(session)
    if session.budget.limited and session.task.recipe.freeze is None:
        if _epochs(plan) < SHORT_EPOCHS:
            layers = max(optim.layer_numbers(session.state.module).values())
            reason = f"time is short: only {_epochs(plan):.2g} epochs of all layers would fit"
            frozen = ChosenValue("freeze", int(FROZEN_SHARE * layers), reason)
            session = _with_freeze(with_chosen_values(session, (frozen,)), frozen.value)
            plan = _plan_steps(session)
        if _epochs(plan) < MIN_EPOCHS:
            return _without(session, f"only {_epochs(plan):.2g} epochs would fit into the budget")
    return _planned(session, plan)


def max_fine_tuning_epochs(images: int) -> float:
    """Epochs after which more would not help: fewer for many images."""
    return float(round(min(MAX_EPOCHS, max(4.0, MAX_EPOCHS * (2_000 / max(images, 1)) ** 0.5))))


def _reason_to_skip(session: TrainSession, feature_seconds: float) -> str | None:
    task, budget = session.task, session.budget
    if task.recipe.fine_tune == "off":
        return "as set"
    if task.recipe.fine_tune == "on":
        return None
    if len(task.train) < MIN_IMAGES:
        return f"{len(task.train)} training images are too few to change features"
    if len(task.val) < MIN_VAL_IMAGES:
        return f"{len(task.val)} val images cannot tell whether it helps"
    if not budget.limited:
        return None
    ending = finish_seconds(Timing(0.0, 2 * feature_seconds, 0), len(task.val))
    left = budget.remaining() - ending
    if left < MIN_EPOCHS * MIN_STEP_COST * feature_seconds * len(task.train) or left < MIN_SECONDS:
        return f"{max(left, 0):.0f} s are left of the budget for {len(task.train):,} images"
    return None


def with_chosen_values(session: TrainSession, chosen: tuple[ChosenValue, ...]) -> TrainSession:
    """The session with these values in its recipe and its plan."""
    task = replace(session.task, recipe=with_chosen(session.task.recipe, chosen))
    chosen = (*session.chosen, *chosen)
    plan = {
        **session.plan,
        "recipe": task.recipe.model_dump(mode="json"),
        "chosen": [asdict(choice) for choice in chosen],
    }
    return replace(session, task=task, chosen=chosen, plan=plan)


def _with_freeze(session: TrainSession, count: int) -> TrainSession:
    """The session with a new optimiser, for all layers but the first `count`."""
    state = session.state
    optim.freeze_layers(state.module, count)
    state.parameter_groups = optim.make_parameter_groups(state.module, session.task.recipe)
    state.optimizer_state = optim.initial_state(state.parameter_groups)
    return session


def _plan_steps(session: TrainSession) -> StepPlan:
    task = session.task
    epochs = task.recipe.epochs or max_fine_tuning_epochs(len(task.train))
    requested = task.recipe.model_copy(update={"epochs": epochs})
    if not session.budget.limited:
        return plan_epochs(replace(task, recipe=requested))
    return plan_budget(session.state, task, requested, session.budget, minutes_given=True)


def _epochs(plan: StepPlan) -> float:
    return plan.steps / plan.task.steps_per_epoch


def _without(session: TrainSession, reason: str) -> TrainSession:
    """The session that ends with the fitted output layer."""
    session.state.position.begin_cycle(0)
    if session.task.recipe.fine_tune == "off":
        return session
    return with_chosen_values(session, (ChosenValue("fine_tune", "off", reason),))


def _planned(session: TrainSession, steps: StepPlan) -> TrainSession:
    session.state.position.begin_cycle(steps.steps)
    chosen = (*steps.chosen, *choose_average(session.state, steps.task))
    if session.task.recipe.fine_tune == "auto":
        reason = "all layers learn from the images, with small steps"
        chosen = (ChosenValue("fine_tune", "on", reason), *chosen)
    plan = {**session.plan, "max_steps": steps.max_steps, "timing": asdict(steps.timing)}
    session = replace(session, task=steps.task, plan=plan, timing=steps.timing)
    return with_chosen_values(session, chosen)
