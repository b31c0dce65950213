"""Plan the length of a run: steps that fit into the minutes, and whether images grow."""

from __future__ import annotations

from dataclasses import dataclass, replace

from foveal.errors import UsageError
from foveal.spec.recipe import Recipe
from foveal.training import progressive_resizing
from foveal.training.setup.budget import PLANNED_SHARE, Budget, max_useful_epochs, steps_within
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.timing import Timing, choose_precision, time_start, time_steps
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

NO_TIMING = Timing(0.0, 0.0, 0)


@dataclass(frozen=True)
class StepPlan:
    """How many steps a run has, and why.

    task: with a whole recipe.  steps: of the cycle.  max_steps: to which the cycle may be
    extended while it runs.
    """

    task: TrainTask
    timing: Timing
    steps: int
    max_steps: int
    chosen: tuple[ChosenValue, ...]


def plan_epochs(task: TrainTask) -> StepPlan:
    """The plan of a run whose epochs are given."""
    assert task.recipe.epochs is not None
    steps = epochs_to_steps(task.recipe.epochs, task)
    chosen: tuple[ChosenValue, ...] = ()
    if task.recipe.progressive_resizing is None:
        chosen = (_full_size("epochs are given, so there is no time to save"),)
    return StepPlan(task, NO_TIMING, steps, steps, chosen)


def plan_budget(
    state: TrainingState, task: TrainTask, requested: Recipe, budget: Budget, *, minutes_given: bool
) -> StepPlan:
    """Time some steps, then plan as many as the budget allows.

    requested: the recipe before defaults were filled in.
    """
    chosen: list[ChosenValue] = []
    if requested.precision == "auto" and task.recipe.precision == "bf16":
        task, timing, reason = choose_precision(state, task, budget.seconds)
        chosen.append(ChosenValue("precision", task.recipe.precision, reason))
    else:
        timing = time_steps(state, task, budget.seconds)
    seconds = PLANNED_SHARE * budget.seconds - budget.used()
    max_epochs = requested.epochs or max_useful_epochs(len(task.train), minutes_given=minutes_given)
    if task.recipe.progressive_resizing is None:
        usual = min(max_epochs, max_useful_epochs(len(task.train), minutes_given=False))
        sufficient = _steps_of(task, timing, seconds) >= epochs_to_steps(usual, task)
        chosen.append(_choose_progressive_resizing(state, task, sufficient=sufficient))
        task = replace(task, recipe=with_chosen(task.recipe, (chosen[-1],)))
    if task.start_scale < 1:
        timing = time_start(state, task, timing, budget.seconds)
        seconds = PLANNED_SHARE * budget.seconds - budget.used()
    max_steps = epochs_to_steps(max_epochs, task)
    steps = _steps_of(task, timing, seconds)
    reason = f"{steps} steps of {timing.step_seconds * 1000:.0f} ms fit into the budget"
    if task.start_scale < 1:
        reason += ", smaller images take less"
    if steps > max_steps:
        steps = max_steps
        reason = f"more than {max_epochs:g} epochs of {len(task.train)} images would help little"
        if task.recipe.epochs is not None:
            reason = f"the budget allows more than the {max_epochs:g} epochs of the recipe"
    steps = max(1, steps)
    epochs = float(f"{steps / task.steps_per_epoch:.4g}")
    chosen.append(ChosenValue("epochs", epochs, reason))
    return StepPlan(task, timing, steps, max_steps, tuple(chosen))


def _steps_of(task: TrainTask, timing: Timing, seconds: float) -> int:
    return steps_within(
        seconds,
        timing,
        val_images=len(task.val),
        steps_per_epoch=task.steps_per_epoch,
        relative_cost=progressive_resizing.mean_relative_cost(
            task.image_size, task.start_scale, 0.0, timing.start_cost
        ),
    )


def epochs_to_steps(epochs: float, task: TrainTask) -> int:
    """The nearest whole number of steps, at least one."""
    return max(1, round(epochs * task.steps_per_epoch))


def with_chosen(recipe: Recipe, chosen: tuple[ChosenValue, ...]) -> Recipe:
    """The recipe with the values that were chosen."""
    return recipe.model_copy(update={choice.key: choice.value for choice in chosen})


def _full_size(reason: str) -> ChosenValue:
    return ChosenValue("progressive_resizing", 1.0, reason)


def _choose_progressive_resizing(
    state: TrainingState, task: TrainTask, *, sufficient: bool
) -> ChosenValue:
    """sufficient: the budget allows the usual epochs with images of full size."""
    if sufficient:
        return _full_size("the budget suffices for images of full size throughout")
    if task.recipe.translate == 0 and task.recipe.random_crop == 1:
        return _full_size("images that are not moved lose accuracy when they are resized")
    if task.recipe.compile == "on":
        return _full_size("every size would be compiled anew")
    start = progressive_resizing.DEFAULT_START_SCALE
    side = min(progressive_resizing.training_size(task.image_size, start, 0.0))
    if side < progressive_resizing.MIN_START_SIDE:
        return _full_size(f"images of {side} pixels at the start would be too small")
    channels = task.train.pixels.shape[3]
    if (
        progressive_resizing.find_unsupported_size(state.module, channels, task.image_size, start)
        is not None
    ):
        return _full_size("the network takes no smaller images")
    reason = (
        f"time is short: images grow from {side} to {min(task.image_size)} pixels for more steps"
    )
    return ChosenValue("progressive_resizing", start, reason)


def check_progressive_resizing(state: TrainingState, task: TrainTask) -> None:
    """Raise UsageError where the recipe asks for sizes that the network cannot compute."""
    if task.start_scale >= 1:
        return
    channels = task.train.pixels.shape[3]
    size = progressive_resizing.find_unsupported_size(
        state.module, channels, task.image_size, task.start_scale
    )
    if size is not None:
        raise UsageError(
            f"progressive_resizing {task.start_scale:g} trains on smaller images first, but the "
            f"network cannot compute images of {size[0]}x{size[1]} pixels: use global_avg_pool "
            "instead of flatten, a larger progressive_resizing, or 1"
        )
