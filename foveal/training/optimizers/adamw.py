"""AdamW whose learning rate and step are numbers on the device, as a CUDA graph needs them."""

from __future__ import annotations

import torch
from torch import Tensor


def adamw_on_device(
    parameters: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor],
    second_moments: list[Tensor],
    *,
    lr: Tensor,
    step: Tensor,
    betas: tuple[float, float],
    weight_decay: float,
    epsilon: float,
) -> None:
    """Move the parameters in place (Loshchilov and Hutter 2019), as torch's AdamW does.

    lr: () fp32.  step: () fp32, the number of this step, the first is 1.
    """
    beta1, beta2 = betas
    torch._foreach_mul_(parameters, 1 - lr * weight_decay)
    torch._foreach_lerp_(momenta, gradients, 1 - beta1)
    torch._foreach_mul_(second_moments, beta2)
    torch._foreach_addcmul_(second_moments, gradients, gradients, 1 - beta2)
    denominators = torch._foreach_sqrt(second_moments)
    torch._foreach_div_(denominators, (1 - beta2**step).sqrt())
    torch._foreach_add_(denominators, epsilon)
    moves = torch._foreach_div(momenta, denominators)
    torch._foreach_mul_(moves, lr / (1 - beta1**step))
    torch._foreach_sub_(parameters, moves)
