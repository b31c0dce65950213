"""One step of the optimiser: SGD with Nesterov momentum, AdamW or Muon, on named tensors.

The state is a flat dict of named tensors, which a checkpoint stores as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from foveal.training.optimizers.adamw import adamw_on_device
from foveal.training.optimizers.muon import orthogonalize_updates
from foveal.training.optimizers.parameter_groups import NamedTensors, ParameterGroup
from foveal.training.processes.process_group import ALONE, ProcessGroup

OptimizerState = dict[str, Tensor]
"""`momentum.NAME`, for AdamW `second_moment.NAME`, for Muon `norm.NAME` where it is fixed."""

ADAMW_BETA2 = 0.99
EPSILON = 1e-8
MIN_FILTER_NORM = 0.1
"""Muon's relative step counts the norm of a weight as at least this times the root of its filters,
so that weights near zero still move."""


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
