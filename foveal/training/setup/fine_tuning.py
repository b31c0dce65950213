"""Plan what follows the fitted output layer: whether, for how long and in which layers to train."""

from __future__ import annotations

from dataclasses import asdict, replace

from foveal.training.optimizers import optim
from foveal.training.optimizers.parameter_groups import (
    freeze_layers,
    layer_count,
    make_parameter_groups,
)
from foveal.training.setup.budget import finish_seconds
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.plan import StepPlan, plan_budget, plan_epochs, with_chosen
from foveal.training.setup.session import TrainSession, choose_average
from foveal.training.setup.timing import Timing

MAX_EPOCHS = 20.0
"""Passes over few images; many images need fewer."""
MIN_EPOCHS, SHORT_EPOCHS = 1.0, 4.0
"""Fewer are not worth the time; below the second, early layers are frozen."""
FROZEN_SHARE = 0.4
"""Of the layers that are frozen where time is short; the others take less than half of a step."""
MIN_IMAGES, MIN_VAL_IMAGES = 100, 20
"""Of train and val, from which on fine-tuning is tried."""
STEP_COST, MIN_STEP_COST = 3.5, 2.5
"""Seconds of an image in a step over those of its features, with smaller images at the start; and
with frozen layers at least: where that is too long no step is timed."""
MIN_SECONDS = 3.0
"""Of the budget that must be left for steps to be timed at all."""


def plan_fine_tuning(session: TrainSession) -> TrainSession:
    """The session of a fitted output layer with its whole recipe and plan."""
    reason = _reason_to_skip(session)
    if reason is not None:
        return _without(session, reason)
    session = _frozen_where_time_is_short(session)
    plan = _plan_steps(session)
    epochs = plan.steps / plan.task.steps_per_epoch
    if session.budget.limited and session.task.recipe.fine_tune == "auto" and epochs < MIN_EPOCHS:
        return _without(session, f"only {epochs:.2g} epochs would fit into the budget")
    return _planned(session, plan)


def max_fine_tuning_epochs(images: int) -> float:
    """Epochs after which more would not help: fewer for many images."""
    return float(round(min(MAX_EPOCHS, max(4.0, MAX_EPOCHS * (2_000 / max(images, 1)) ** 0.5))))


def _reason_to_skip(session: TrainSession) -> str | None:
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
    left = _seconds_left(session)
    if left < MIN_SECONDS or _epochs_within(session, left, MIN_STEP_COST) < MIN_EPOCHS:
        return f"{max(left, 0):.0f} s are left of the budget for {len(task.train):,} images"
    return None


def _seconds_left(session: TrainSession) -> float:
    """Of the budget, for steps."""
    timing = Timing(0.0, 2 * session.plan["feature_seconds"], 0)
    return session.budget.remaining() - finish_seconds(timing, len(session.task.val))


def _epochs_within(session: TrainSession, seconds: float, step_cost: float) -> float:
    """Estimated epochs, before steps are timed."""
    image_seconds: float = step_cost * session.plan["feature_seconds"]
    return seconds / max(image_seconds * len(session.task.train), 1e-9)


def _frozen_where_time_is_short(session: TrainSession) -> TrainSession:
    if not session.budget.limited or session.task.recipe.freeze is not None:
        return session
    epochs = _epochs_within(session, _seconds_left(session), STEP_COST)
    if epochs >= SHORT_EPOCHS:
        return session
    layers = layer_count(session.state.module)
    reason = f"time is short: about {epochs:.1f} epochs of all layers would fit"
    frozen = ChosenValue("freeze", int(FROZEN_SHARE * layers), reason)
    return _with_freeze(with_chosen_values(session, (frozen,)), frozen.value)


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
    freeze_layers(state.module, count)
    state.parameter_groups = make_parameter_groups(state.module, session.task.recipe)
    state.optimizer_state = optim.initial_state(state.parameter_groups)
    return session


def _plan_steps(session: TrainSession) -> StepPlan:
    task = session.task
    epochs = task.recipe.epochs or max_fine_tuning_epochs(len(task.train))
    requested = task.recipe.model_copy(update={"epochs": epochs})
    if not session.budget.limited:
        return plan_epochs(replace(task, recipe=requested))
    return plan_budget(session.state, task, requested, session.budget, minutes_given=True)


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
