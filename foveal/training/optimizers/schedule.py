"""The learning rate over a run, as a factor of its peak."""

from __future__ import annotations

import math

from foveal.spec.recipe import Recipe
from foveal.training.position import RunPosition

MIN_WARMUP_FACTOR = 0.02


def lr_factor(recipe: Recipe, progress: float) -> float:
    """Factor in 0..1 of the peak learning rate at `progress` (0: first step, 1: end)."""
    warmup_progress = progress / recipe.warmup if recipe.warmup else 1.0
    if warmup_progress < 1:
        return max(warmup_progress, MIN_WARMUP_FACTOR)
    remaining = (1 - progress) / (1 - recipe.warmup)
    match recipe.schedule:
        case "one_cycle":
            return remaining
        case "cosine":
            return 0.5 * (1 - math.cos(math.pi * remaining))
        case "trapezoid":
            return min(1.0, (1 - progress) / recipe.cooldown) if recipe.cooldown else 1.0
        case "constant":
            return 1.0


def learning_rate_factor(recipe: Recipe, position: RunPosition) -> float:
    """Factor of the peak learning rate for the next step, smaller after every rollback."""
    return lr_factor(recipe, position.progress) * position.lr_scale


def learning_rate(recipe: Recipe, position: RunPosition) -> float:
    """The learning rate of the next step."""
    return (recipe.learning_rate or 0.0) * learning_rate_factor(recipe, position)
