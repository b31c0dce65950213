"""The exponential moving average of a module's weights and buffers, which is what is validated."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from foveal.spec.recipe import Recipe


def decay_at(recipe: Recipe, steps_done: int) -> float:
    """The decay after so many steps: less at the start, where weights still move far."""
    return min(recipe.ema_decay or 0.0, (1 + steps_done) / (10 + steps_done))


@torch.no_grad()
def update(average: Mapping[str, Tensor], module: nn.Module, decay: float | Tensor) -> None:
    """Move the average in place to the weights of the module; counters are copied.

    average: empty where it is off.  decay: a number, or one () on the device.
    """
    if not average:
        return
    weights = module.state_dict()
    averaged = [name for name, value in average.items() if value.is_floating_point()]
    means, now = [average[name] for name in averaged], [weights[name] for name in averaged]
    if isinstance(decay, Tensor):
        torch._foreach_mul_(means, decay)
        torch._foreach_add_(means, torch._foreach_mul(now, 1 - decay))
    else:
        torch._foreach_lerp_(means, now, 1 - decay)
    for name in average.keys() - set(averaged):
        average[name].copy_(weights[name])
