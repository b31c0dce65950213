"""One step of the optimiser: SGD with Nesterov momentum, AdamW or Muon, on named tensors.

The state is a flat dict of named tensors, which a checkpoint stores as it is. Muon: Jordan et al.
2024, momentum orthogonalised by Newton-Schulz iteration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from foveal.spec.recipe import Recipe
from foveal.training.adamw import adamw_on_device
from foveal.training.muon import orthogonalize_updates
from foveal.training.process_group import ALONE, ProcessGroup

OptimizerState = dict[str, Tensor]
"""`momentum.NAME`, for AdamW `second_moment.NAME`, for Muon `norm.NAME` where it is fixed."""

NORM_MODULES = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
ADAMW_BETA1 = 0.9
"""For what Muon does not step; else the recipe's momentum."""
ADAMW_BETA2 = 0.99
EPSILON = 1e-8
ADAMW_LR_BESIDE_MUON = 0.005
"""Peak learning rate of AdamW for what Muon does not step: biases, norms, the head."""
MIN_FILTER_NORM = 0.1
"""Muon's relative step counts the norm of a weight as at least this times the root of its filters,
so that weights near zero still move."""

NamedTensors = list[tuple[str, Tensor]]


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are stepped alike.

    learning_rate: at the schedule's peak.  momentum: first beta of AdamW.
    fixed_norm: the weights keep the norm they started with (a norm layer follows, so their scale
    has no effect).
    """

    optimizer: Literal["sgd", "adamw", "muon"]
    names: tuple[str, ...]
    parameters: tuple[Tensor, ...]
    learning_rate: float
    momentum: float
    weight_decay: float
    fixed_norm: bool = False


def make_parameter_groups(module: nn.Module, recipe: Recipe) -> tuple[ParameterGroup, ...]:
    """The groups of a recipe without gaps: filters, the head, norm biases and all else.

    With `layer_decay` each is divided further, by layers.
    """
    assert recipe.optimizer != "auto"
    assert recipe.learning_rate is not None
    assert recipe.momentum is not None
    assert recipe.weight_decay is not None
    assert recipe.bias_lr_scale is not None
    optimizer, lr, decay = recipe.optimizer, recipe.learning_rate, recipe.weight_decay
    muon = optimizer == "muon"
    other: Literal["sgd", "adamw"] = "sgd" if optimizer == "sgd" else "adamw"
    other_lr = ADAMW_LR_BESIDE_MUON if muon else lr
    settings = {
        "filters_before_norm": (optimizer, lr, decay, muon),
        "filters": (optimizer, lr, decay, False),
        "head": (other, other_lr, 0.0 if muon else decay, False),
        "norm_biases": (other, other_lr * recipe.bias_lr_scale, 0.0, False),
        "others": (other, other_lr, 0.0, False),
    }
    members = _named_parameters_by_group(module)
    groups = []
    for group, (method, group_lr, group_decay, fixed_norm) in settings.items():
        for factor, named in _by_lr_factor(members[group], module, recipe.layer_decay or 1.0):
            names, parameters = zip(*named, strict=True)
            momentum = recipe.momentum if method == optimizer else ADAMW_BETA1
            groups.append(
                ParameterGroup(
                    method, names, parameters, group_lr * factor, momentum, group_decay, fixed_norm
                )
            )
    return tuple(groups)


def _by_lr_factor(
    members: NamedTensors, module: nn.Module, layer_decay: float
) -> Iterator[tuple[float, NamedTensors]]:
    """The members in parts, each with the factor of its learning rate."""
    numbers, last = layer_numbers(module), layer_count(module)
    parts: dict[float, NamedTensors] = {}
    for name, parameter in members:
        factor = layer_decay ** (last - numbers[name])
        parts.setdefault(factor, []).append((name, parameter))
    yield from parts.items()


def layer_numbers(module: nn.Module) -> dict[str, int]:
    """Of every parameter, the number of its layer, counted from 1 at the input.

    A layer begins with a matrix or filters; biases and norms belong to the layer before them.
    """
    numbers: dict[str, int] = {}
    number = 0
    for name, parameter in module.named_parameters():
        number += parameter.ndim >= 2
        numbers[name] = max(number, 1)
    return numbers


def layer_count(module: nn.Module) -> int:
    """How many layers with weights there are, as `layer_numbers` counts them."""
    return max(layer_numbers(module).values(), default=0)


def freeze_layers(module: nn.Module, count: int) -> None:
    """Train all but the first `count` layers; what the network itself holds fixed stays fixed."""
    for name, number in layer_numbers(module).items():
        if number <= count:
            module.get_parameter(name).requires_grad_(False)


def _named_parameters_by_group(module: nn.Module) -> dict[str, NamedTensors]:
    members: dict[str, NamedTensors] = {
        group: [] for group in ("filters_before_norm", "filters", "head", "norm_biases", "others")
    }
    head = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)][-1:]
    for layer_name, layer in module.named_modules():
        for short_name, parameter in layer.named_parameters(recurse=False):
            if parameter.requires_grad:
                name = f"{layer_name}.{short_name}" if layer_name else short_name
                group = _group_name(layer, short_name, parameter, is_head=layer_name in head)
                members[group].append((name, parameter))
    return members


def _group_name(layer: nn.Module, short_name: str, parameter: Tensor, *, is_head: bool) -> str:
    if isinstance(layer, NORM_MODULES):
        return "norm_biases" if short_name == "bias" else "others"
    if parameter.ndim < 2:
        return "others"
    if is_head:
        return "head"
    if parameter.ndim == 4 and parameter.shape[1] == 1 and parameter.shape[0] > 1:
        return "others" if isinstance(layer, nn.Conv2d) and layer.groups > 1 else "filters"
    # the builder leaves the bias out exactly where a norm follows
    return "filters_before_norm" if getattr(layer, "bias", None) is None else "filters"


def initial_state(parameter_groups: tuple[ParameterGroup, ...]) -> OptimizerState:
    """The state before the first step: zeros in each parameter's own memory layout."""
    state: OptimizerState = {}
    for group in parameter_groups:
        for name, parameter in zip(group.names, group.parameters, strict=True):
            state[f"momentum.{name}"] = torch.zeros_like(parameter)
            if group.optimizer == "adamw":
                state[f"second_moment.{name}"] = torch.zeros_like(parameter)
            if group.fixed_norm:
                state[f"norm.{name}"] = parameter.detach().norm().reshape(1)
    return state


@torch.no_grad()
def step(
    parameter_groups: tuple[ParameterGroup, ...],
    state: Mapping[str, Tensor],
    lr_factor: float | Tensor,
    steps_done: int | Tensor,
    processes: ProcessGroup = ALONE,
) -> None:
    """Move every parameter that has a gradient, in place.

    lr_factor: what the schedule multiplies every learning rate by; it and steps_done are () on the
    device in a CUDA graph, for all methods but SGD.  processes: which have the same gradients and
    divide Muon's matrices among themselves.
    """
    for group in parameter_groups:
        named = [
            (name, parameter)
            for name, parameter in zip(group.names, group.parameters, strict=True)
            if parameter.grad is not None
        ]
        lr = group.learning_rate * lr_factor
        if not named:
            continue
        if group.optimizer == "muon":
            _muon(group, state, named, lr, processes)
        elif group.optimizer == "sgd":
            _sgd(group, state, named, float(lr))
        elif isinstance(lr, Tensor):
            _adamw_on_device(group, state, named, lr, torch.as_tensor(steps_done))
        else:
            _adamw(group, state, named, lr, int(steps_done))


def _gradients(named: NamedTensors) -> list[Tensor]:
    return [parameter.grad for _, parameter in named if parameter.grad is not None]


def _sgd(
    group: ParameterGroup, state: Mapping[str, Tensor], named: NamedTensors, lr: float
) -> None:
    momenta: list[Tensor | None] = [state[f"momentum.{name}"] for name, _ in named]
    sgd(
        [parameter for _, parameter in named],
        _gradients(named),
        momenta,
        foreach=True,
        lr=lr,
        momentum=group.momentum,
        weight_decay=group.weight_decay,
        dampening=0.0,
        nesterov=True,
        maximize=False,
    )


def _adamw(
    group: ParameterGroup,
    state: Mapping[str, Tensor],
    named: NamedTensors,
    lr: float,
    steps_done: int,
) -> None:
    adamw(
        [parameter for _, parameter in named],
        _gradients(named),
        [state[f"momentum.{name}"] for name, _ in named],
        [state[f"second_moment.{name}"] for name, _ in named],
        [],
        list(torch.full((len(named),), float(steps_done)).unbind()),
        foreach=True,
        amsgrad=False,
        beta1=group.momentum,
        beta2=ADAMW_BETA2,
        lr=lr,
        weight_decay=group.weight_decay,
        eps=EPSILON,
        maximize=False,
    )


def _adamw_on_device(
    group: ParameterGroup,
    state: Mapping[str, Tensor],
    named: NamedTensors,
    lr: Tensor,
    steps_done: Tensor,
) -> None:
    adamw_on_device(
        [parameter for _, parameter in named],
        _gradients(named),
        [state[f"momentum.{name}"] for name, _ in named],
        [state[f"second_moment.{name}"] for name, _ in named],
        lr=lr,
        step=steps_done + 1,
        betas=(group.momentum, ADAMW_BETA2),
        weight_decay=group.weight_decay,
        epsilon=EPSILON,
    )


def _muon(
    group: ParameterGroup,
    state: Mapping[str, Tensor],
    named: NamedTensors,
    lr: float | Tensor,
    processes: ProcessGroup,
) -> None:
    parameters = [parameter for _, parameter in named]
    gradients, momenta = _gradients(named), [state[f"momentum.{name}"] for name, _ in named]
    torch._foreach_mul_(momenta, group.momentum)
    torch._foreach_add_(momenta, gradients)
    nesterov = torch._foreach_add(gradients, momenta, alpha=group.momentum)
    updates = orthogonalize_updates(nesterov, processes)
    if group.fixed_norm:
        norms = [state[f"norm.{name}"] for name, _ in named]
    else:
        norms = [
            norm.clamp_min(MIN_FILTER_NORM * len(parameter) ** 0.5)
            for norm, parameter in zip(torch._foreach_norm(parameters), parameters, strict=True)
        ]
        torch._foreach_mul_(parameters, 1 - lr * group.weight_decay)
    # a relative step: a learning rate of 0.1 moves the weights by a tenth of their own norm
    lengths = torch._foreach_clamp_min(torch._foreach_norm(updates), EPSILON)
    for parameter, update, norm, length in zip(parameters, updates, norms, lengths, strict=True):
        parameter.sub_(update.mul_(lr * norm / length))
    if group.fixed_norm:
        lengths = torch._foreach_clamp_min(torch._foreach_norm(parameters), EPSILON)
        torch._foreach_mul_(parameters, torch._foreach_div(norms, lengths))


@torch.no_grad()
def clip_grad_norm(parameter_groups: tuple[ParameterGroup, ...], max_norm: float) -> None:
    """Scale all gradients down so that their common norm is at most `max_norm` (0: off)."""
    gradients = [
        p.grad for group in parameter_groups for p in group.parameters if p.grad is not None
    ]
    if max_norm and gradients:
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        torch._foreach_mul_(gradients, (max_norm / (norm + 1e-6)).clamp_max(1.0))
