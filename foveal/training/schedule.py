"""The learning rate over a run, as a factor of its peak.

Knows nothing of steps or time: progress 0 is the first step, 1 the end.
"""

from __future__ import annotations

import math

from foveal.spec.recipe import Recipe


def lr_factor(recipe: Recipe, progress: float) -> float:
    """Factor in 0..1 by which the peak learning rate is multiplied at `progress` in 0..1."""
    rising = progress / recipe.warmup if recipe.warmup else 1.0
    if rising < 1:
        return max(rising, 0.02)
    left = (1 - progress) / (1 - recipe.warmup)
    match recipe.schedule:
        case "one_cycle":
            return left
        case "cosine":
            return 0.5 * (1 - math.cos(math.pi * left))
        case "trapezoid":
            return min(1.0, (1 - progress) / recipe.cooldown) if recipe.cooldown else 1.0
        case "constant":
            return 1.0
