"""Builds the torch module of a network; its submodules have the names of the cost table.

`init: whiten` needs training images, so training sets those filters after the build.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from foveal.errors import SpecError
from foveal.network import blocks
from foveal.network.lint import raise_lint_errors
from foveal.network.lowering import ModuleCall, ModuleSequence, lower
from foveal.network.shapes import trace
from foveal.spec.layers import Conv
from foveal.spec.network import Network
from foveal.spec.values import Task


def build(network: Network, classes: int, *, task: Task = "single") -> nn.Sequential:
    """A module from (N, C, H, W) uint8 or float in 0..255 to (N, units) logits.

    Weights are drawn from torch's global generator: He normal for convolutions and hidden dense
    layers (He et al. 2015), torch's default for the output. Raises SpecError with every mistake.
    """
    traced = trace(network, classes, task)
    raise_lint_errors(network, traced, classes, task)
    try:
        return _sequential(lower(network, traced))
    except (MemoryError, RuntimeError) as error:  # torch's allocator raises RuntimeError
        raise SpecError([f"the network does not fit into memory: {error}"]) from error


def whitening_convs(network: Network, module: nn.Module) -> list[tuple[str, nn.Conv2d]]:
    """Name and submodule of every convolution of the built `module` that has `init: whiten`."""
    names = [
        step.name
        for step in trace(network, classes=2).walk()
        if isinstance(step.layer, Conv) and step.layer.init == "whiten"
    ]
    submodules = [(name, module.get_submodule(name)) for name in names]
    return [(name, conv) for name, conv in submodules if isinstance(conv, nn.Conv2d)]


def _sequential(sequence: ModuleSequence) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, _module(call)) for name, call in sequence.modules))


def _module(call: ModuleCall) -> nn.Module:
    arguments = [
        _sequential(item) if isinstance(item, ModuleSequence) else item for item in call.arguments
    ]
    namespace: Any = nn if call.name.startswith("nn.") else blocks
    module: nn.Module = getattr(namespace, call.name.removeprefix("nn."))(
        *arguments, **call.options
    )
    if isinstance(module, nn.Conv2d | nn.Linear) and call.init is not None:
        _initialise(module, call.init)
    for name in call.frozen:
        module.get_parameter(name).requires_grad_(False)
    return module


def _initialise(module: nn.Conv2d | nn.Linear, init: str) -> None:
    if module.weight.is_meta:  # drawing there would load the compiler of torch, which takes 2 s
        return
    if init == "he":
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif init == "identity":
        assert isinstance(module, nn.Conv2d)
        _initialise_identity(module)


def _initialise_identity(conv: nn.Conv2d) -> None:
    """Filter i of each group passes that group's map i through (Jordan 2024, airbench)."""
    group_inputs, group_outputs = conv.weight.shape[1], conv.out_channels // conv.groups
    with torch.no_grad():
        for group in range(conv.groups):
            first = group * group_outputs
            nn.init.dirac_(conv.weight[first : first + min(group_inputs, group_outputs)])
