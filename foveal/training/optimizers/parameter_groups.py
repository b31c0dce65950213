"""Which parameters the optimiser steps alike, the layers they belong to, and which are frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from foveal.spec.recipe import Recipe

NORM_MODULES = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
ADAMW_BETA1 = 0.9
"""For what Muon does not step; else the recipe's momentum."""
ADAMW_LR_BESIDE_MUON = 0.005
"""Peak learning rate of AdamW for what Muon does not step: biases, norms, the head."""

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
