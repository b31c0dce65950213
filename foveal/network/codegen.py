"""Writes a network as plain PyTorch source that needs only torch and takes the model's weights.

The source has the calls that build runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from foveal.network import blocks
from foveal.network.lint import raise_lint_errors
from foveal.network.lowering import ModuleCall, ModuleSequence, lower
from foveal.network.shapes import trace
from foveal.spec.network import Network
from foveal.spec.values import Task

_HEAD = '''"""{what} as plain PyTorch, written by Foveal; it needs nothing but torch.

    model = build()
    model.load_state_dict(safetensors.torch.load_file("{weights_file}"), strict=False)
    logits = model.eval()(pixels)  # {shape}, uint8 or float in 0..255, to (N, {units})
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F
'''


def pytorch_source(
    network: Network,
    classes: int,
    *,
    task: Task = "single",
    weights_file: str = "model.safetensors",
) -> str:
    """Python source with `build() -> nn.Module`; raises SpecError with every mistake.

    weights_file: the name its docstring gives.
    """
    traced = trace(network, classes, task)
    raise_lint_errors(network, traced, classes, task)
    sequence = lower(network, traced)
    height, width, channels = network.input.shape
    head = _HEAD.format(
        what=f"A network for {height}x{width}x{channels} images and {classes} classes",
        shape=f"(N, {channels}, {height}, {width})",
        units=network.output_units(classes, task),
        weights_file=weights_file,
    )
    definitions = [inspect.getsource(block).rstrip() for block in _used_blocks(sequence)]
    frozen = [
        f'    model.get_parameter("{name}").requires_grad_(False)'
        for name in _frozen_parameters(sequence, "")
    ]
    body = [
        "def build() -> nn.Module:",
        '    """The network; its submodules have the names of the model file."""',
        f"    model = {_sequential(sequence, 4)}",
        *frozen,
        "    return model",
    ]
    return "\n\n\n".join([head.rstrip(), *definitions, "\n".join(body)]) + "\n"


def _used_blocks(sequence: ModuleSequence) -> list[type]:
    """The classes of `blocks` that the source needs, in the order of their definition."""
    names = {call.name for call in _calls(sequence)}
    if blocks.SamePad2d.__name__ in names:
        names.add(blocks.Pad2d.__name__)
    return [block for name, block in vars(blocks).items() if name in names]


def _calls(sequence: ModuleSequence) -> Iterator[ModuleCall]:
    for _, call in sequence.modules:
        yield call
        for argument in call.arguments:
            if isinstance(argument, ModuleSequence):
                yield from _calls(argument)


def _frozen_parameters(sequence: ModuleSequence, prefix: str) -> Iterator[str]:
    for name, call in sequence.modules:
        yield from (f"{prefix}{name}.{parameter}" for parameter in call.frozen)
        nested = [item for item in call.arguments if isinstance(item, ModuleSequence)]
        for index, inner in enumerate(nested):
            if call.name == "ConcatBranches":
                attribute = str(index)
            else:
                attribute = "layers" if index == 0 else "projection"
            yield from _frozen_parameters(inner, f"{prefix}{name}.{attribute}.")


def _sequential(sequence: ModuleSequence, indent: int) -> str:
    space = " " * (indent + 8)
    parts = "".join(
        f'{space}("{name}", {_call_source(call, indent + 8)}),\n' for name, call in sequence.modules
    )
    end = " " * indent
    return f"nn.Sequential(\n{end}    OrderedDict([\n{parts}{end}    ])\n{end})"


def _call_source(call: ModuleCall, indent: int) -> str:
    arguments = [
        _sequential(item, indent) if isinstance(item, ModuleSequence) else repr(item)
        for item in call.arguments
    ]
    options = [f"{name}={value!r}" for name, value in call.options.items()]
    return f"{call.name}({', '.join([*arguments, *options])})"
