"""A network value becomes a torch module whose parts carry the names the cost table shows.

Knows nothing of training or of images; whitening, which needs images, is left to training.
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
    except (MemoryError, RuntimeError) as error:  # the allocator's own refusal
        raise SpecError([f"the network does not fit into memory: {error}"]) from error


def whitened(module: nn.Module) -> list[tuple[str, nn.Conv2d]]:
    """Name and module of every convolution that is to be whitened with training images."""
    return [
        (name, part)
        for name, part in module.named_modules()
        if isinstance(part, nn.Conv2d) and getattr(part, "start", None) == "whiten"
    ]


def _sequential(chain: ModuleSequence) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, _module(call)) for name, call in chain.modules))


def _module(call: ModuleCall) -> nn.Module:
    arguments = [
        _sequential(item) if isinstance(item, ModuleSequence) else item for item in call.arguments
    ]
    home: Any = nn if call.name.startswith("nn.") else blocks
    module: nn.Module = getattr(home, call.name.removeprefix("nn."))(*arguments, **call.options)
    if isinstance(module, nn.Conv2d | nn.Linear) and call.init is not None:
        _start(module, call.init)
    for name in call.frozen:
        module.get_parameter(name).requires_grad_(False)
    return module


def _start(module: nn.Conv2d | nn.Linear, init: str) -> None:
    if init == "he":
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif init == "identity":
        assert isinstance(module, nn.Conv2d)
        _identity(module)
    else:
        module.__dict__["start"] = init  # a word, which torch's typed setattr does not know


def _identity(conv: nn.Conv2d) -> None:
    """Filter i of each group first passes that group's map i through (Jordan 2024, airbench)."""
    width, each = conv.weight.shape[1], conv.out_channels // conv.groups
    with torch.no_grad():
        for group in range(conv.groups):
            first = group * each
            nn.init.dirac_(conv.weight[first : first + min(width, each)])
