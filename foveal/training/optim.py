"""One step of the optimiser: SGD with Nesterov momentum, AdamW or Muon, over plain tensors.

Knows nothing of losses, schedules or files; its whole state is a dict of named tensors, so that
a checkpoint needs no more. Muon: Jordan et al. 2024, orthogonalised momentum by Newton-Schulz.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from foveal.spec.recipe import Recipe

OptimizerState = dict[str, Tensor]
"""`momentum.NAME` and, for AdamW, `square.NAME` of every learned parameter."""

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)
SECOND = 0.99
EPSILON = 1e-8
ADAM_MOMENTUM = 0.9


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are stepped alike.

    rate: learning rate of this group at the schedule's peak.  decay: weight decay.
    unit: the weights are kept at the length they started with (a norm layer follows, so their
    length has no meaning).
    """

    optimizer: Literal["sgd", "adamw", "muon"]
    names: tuple[str, ...]
    parameters: tuple[Tensor, ...]
    learning_rate: float
    momentum: float
    weight_decay: float
    fixed_norm: bool = False


def make_parameter_groups(module: nn.Module, recipe: Recipe) -> tuple[ParameterGroup, ...]:
    """The groups of a resolved recipe: filters, the head, norm biases and all else."""
    assert recipe.optimizer != "auto"
    assert recipe.learning_rate is not None
    assert recipe.momentum is not None
    assert recipe.weight_decay is not None
    assert recipe.bias_lr_scale is not None
    parts = _parts(module)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    method = recipe.optimizer
    rest: Literal["sgd", "adamw"] = "adamw" if method != "sgd" else "sgd"
    rest_rate = REST_RATE if method == "muon" else rate
    plan = {
        "unit": (method, rate, decay, True),
        "filters": (method, rate, decay, False),
        "head": (rest, rest_rate, decay if method != "muon" else 0.0, False),
        "norms": (rest, rest_rate * recipe.bias_lr_scale, 0.0, False),
        "others": (rest, rest_rate, 0.0, False),
    }
    made = []
    for part, (how, part_rate, part_decay, unit) in plan.items():
        if parts[part]:
            names, parameters = zip(*parts[part], strict=True)
            momentum = recipe.momentum if how == method else ADAM_MOMENTUM
            made.append(
                ParameterGroup(
                    how,
                    names,
                    parameters,
                    part_rate,
                    momentum,
                    part_decay,
                    fixed_norm=unit and how == "muon",
                )
            )
    return tuple(made)


REST_RATE = 0.005
"""Peak rate of AdamW for what Muon does not step: biases, norms, the head."""


def _parts(module: nn.Module) -> dict[str, list[tuple[str, Tensor]]]:
    parts: dict[str, list[tuple[str, Tensor]]] = {
        "unit": [],
        "filters": [],
        "head": [],
        "norms": [],
        "others": [],
    }
    head = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)][-1:]
    for name, part in module.named_modules():
        for short, parameter in part.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            full = f"{name}.{short}" if name else short
            parts[_part(part, short, parameter, name in head)].append((full, parameter))
    return parts


def _part(layer: nn.Module, short: str, parameter: Tensor, head: bool) -> str:
    if isinstance(layer, NORMS):
        return "norms" if short == "bias" else "others"
    if parameter.ndim < 2:
        return "others"
    if head:
        return "head"
    if parameter.ndim == 4 and parameter.shape[1] == 1 and parameter.shape[0] > 1:
        return "others" if isinstance(layer, nn.Conv2d) and layer.groups > 1 else "filters"
    # the builder leaves the bias out exactly where a norm follows
    return "unit" if getattr(layer, "bias", None) is None else "filters"


def initial_state(made: tuple[ParameterGroup, ...]) -> OptimizerState:
    """The state before the first step: zeros in each parameter's own memory layout."""
    state: OptimizerState = {}
    for group in made:
        for name, parameter in zip(group.names, group.parameters, strict=True):
            state[f"momentum.{name}"] = torch.zeros_like(parameter)
            if group.optimizer == "adamw":
                state[f"square.{name}"] = torch.zeros_like(parameter)
            if group.fixed_norm:
                state[f"length.{name}"] = parameter.detach().norm().reshape(1)
    return state


@torch.no_grad()
def step(
    made: tuple[ParameterGroup, ...], state: Mapping[str, Tensor], factor: float, count: int
) -> None:
    """Move every parameter by its gradient, in place.

    factor: what the schedule multiplies every rate by.  count: steps done before this one.
    Parameters without a gradient stay.
    """
    for group in made:
        pairs = [
            (name, parameter)
            for name, parameter in zip(group.names, group.parameters, strict=True)
            if parameter.grad is not None
        ]
        rate = group.learning_rate * factor
        if group.optimizer == "muon":
            for name, parameter in pairs:
                _muon(group, state, name, parameter, rate)
        elif group.optimizer == "sgd":
            _sgd(group, state, pairs, rate)
        else:
            _adamw(group, state, pairs, rate, count)


def _gradients(pairs: list[tuple[str, Tensor]]) -> list[Tensor]:
    return [parameter.grad for _, parameter in pairs if parameter.grad is not None]


def _sgd(
    group: ParameterGroup, state: Mapping[str, Tensor], pairs: list[tuple[str, Tensor]], rate: float
) -> None:
    parameters = [parameter for _, parameter in pairs]
    moments = [state[f"momentum.{name}"] for name, _ in pairs]
    if not pairs:
        return
    pulls = torch._foreach_add(_gradients(pairs), parameters, alpha=group.weight_decay)
    torch._foreach_mul_(moments, group.momentum)
    torch._foreach_add_(moments, pulls)
    torch._foreach_add_(pulls, moments, alpha=group.momentum)  # Nesterov
    torch._foreach_add_(parameters, pulls, alpha=-rate)


def _adamw(
    group: ParameterGroup,
    state: Mapping[str, Tensor],
    pairs: list[tuple[str, Tensor]],
    rate: float,
    count: int,
) -> None:
    if not pairs:
        return
    parameters = [parameter for _, parameter in pairs]
    moments = [state[f"momentum.{name}"] for name, _ in pairs]
    squares = [state[f"square.{name}"] for name, _ in pairs]
    pulls = _gradients(pairs)
    if group.weight_decay:
        torch._foreach_mul_(parameters, 1 - rate * group.weight_decay)
    torch._foreach_lerp_(moments, pulls, 1 - group.momentum)
    torch._foreach_mul_(squares, SECOND)
    torch._foreach_addcmul_(squares, pulls, pulls, 1 - SECOND)
    spread = torch._foreach_sqrt(squares)
    torch._foreach_div_(spread, (1 - SECOND ** (count + 1)) ** 0.5)
    torch._foreach_add_(spread, EPSILON)
    torch._foreach_addcdiv_(
        parameters, moments, spread, -rate / (1 - group.momentum ** (count + 1))
    )


def _muon(
    group: ParameterGroup, state: Mapping[str, Tensor], name: str, parameter: Tensor, rate: float
) -> None:
    gradient = parameter.grad
    assert gradient is not None
    moment = state[f"momentum.{name}"]
    moment.mul_(group.momentum).add_(gradient)
    pull = gradient.add(moment, alpha=group.momentum)  # Nesterov
    turn = orthogonalize(pull.reshape(len(pull), -1)).reshape(pull.shape)
    if group.fixed_norm:
        length = state[f"length.{name}"]
    else:
        floor = 0.1 * len(parameter) ** 0.5
        length = parameter.norm().clamp_min(floor)
        parameter.mul_(1 - rate * group.weight_decay)
    # a relative step: rate 0.1 turns the weights by a tenth of their own length
    parameter.sub_(turn.mul_(rate * length / turn.norm().clamp_min(EPSILON)))
    if group.fixed_norm:
        parameter.mul_(length / parameter.norm().clamp_min(EPSILON))


def orthogonalize(matrix: Tensor, steps: int = 3) -> Tensor:
    """(rows, columns) with all singular values moved near 1, by Newton-Schulz iteration.

    The quintic's coefficients are Jordan's (2024); after 3 steps most values lie in 0.3..1.3.
    Every step multiplies by a polynomial of W W^T, all of which commute: they are gathered in
    the smaller square, and the long matrix is multiplied twice in all.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    work: Tensor = matrix.T if tall else matrix
    work = work / work.norm().clamp_min(1e-12)
    square = work @ work.T
    gathered: Tensor | None = None
    for left in reversed(range(steps)):
        factor = torch.addmm(square, square, square, beta=b, alpha=c)
        factor.diagonal().add_(a)
        gathered = factor if gathered is None else factor @ gathered
        if left:
            square = factor @ square @ factor
    if gathered is not None:
        work = gathered @ work
    return work.T if tall else work


@torch.no_grad()
def clip_grad_norm(made: tuple[ParameterGroup, ...], largest: float) -> None:
    """Scale all gradients down so that their common length is at most `largest` (0: off)."""
    gradients = [p.grad for group in made for p in group.parameters if p.grad is not None]
    if largest and gradients:
        length = torch.stack(torch._foreach_norm(gradients)).norm()
        torch._foreach_mul_(gradients, (largest / (length + 1e-6)).clamp_max(1.0))
