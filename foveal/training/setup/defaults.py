"""Fill the gaps of a recipe, with the reason of every choice.

Every choice here is a pure function of data, network and device; those that depend on time are
made in `plan`.
"""

from __future__ import annotations

from foveal.errors import UsageError
from foveal.spec.recipe import Recipe
from foveal.training.setup.augmentation_defaults import choose_augmentation
from foveal.training.setup.chosen import ChosenValue, RecipeContext
from foveal.training.setup.optimizer_defaults import (
    choose_batch_size,
    choose_optimizer,
    choose_optimizer_values,
    choose_transfer,
)


def fill_defaults(recipe: Recipe, context: RecipeContext) -> tuple[Recipe, tuple[ChosenValue, ...]]:
    """The recipe without gaps and what was chosen; raises UsageError on a contradiction.

    `epochs`, `progressive_resizing` and `ema_decay` depend on time and stay open.
    """
    _check_schedule(recipe)
    chosen: list[ChosenValue] = []
    for choose in (
        choose_transfer,
        choose_batch_size,
        choose_optimizer,
        choose_optimizer_values,
        choose_augmentation,
        _precision,
    ):
        values = choose(recipe, context)
        chosen += values
        recipe = recipe.model_copy(update={choice.key: choice.value for choice in values})
    scaled = [_scaled(choice, context.factors.get(choice.key, 1.0)) for choice in chosen]
    return recipe.model_copy(update={choice.key: choice.value for choice in scaled}), tuple(scaled)


def _scaled(choice: ChosenValue, factor: float) -> ChosenValue:
    """The choice, multiplied where a search found a multiple of it better."""
    if factor == 1:
        return choice
    value = choice.value * factor
    value = max(1, round(value)) if isinstance(choice.value, int) else float(f"{value:.3g}")
    reason = f"{factor:.3g} times {choice.value:g}, as the search found; {choice.reason}"
    return ChosenValue(choice.key, value, reason)


def _check_schedule(recipe: Recipe) -> None:
    if recipe.warmup + recipe.cooldown > 1 and recipe.schedule == "trapezoid":
        raise UsageError(
            f"warmup {recipe.warmup:g} and cooldown {recipe.cooldown:g} are more than the "
            "whole run; together they may be at most 1"
        )


def _precision(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    chosen = []
    if recipe.precision == "auto":
        fast = context.fast_bf16
        reason = f"the device has {'fast' if fast else 'no'} 16-bit multiplication"
        chosen.append(ChosenValue("precision", "bf16" if fast else "fp32", reason))
    return chosen + _compile(recipe, context)


def _compile(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    if recipe.compile != "auto":
        return []
    reason = (
        "measured: no gain over steps recorded as CUDA graphs"
        if context.gpu
        else "measured: no gain on processors"
    )
    return [ChosenValue("compile", "off", reason)]
