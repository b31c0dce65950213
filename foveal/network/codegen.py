"""A network as plain PyTorch source that runs alone and takes the built module's weights.

Prints the same calls build runs; knows nothing of weights.
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
    model.load_state_dict(safetensors.torch.load_file("model.safetensors"), strict=False)
    logits = model.eval()(pixels)  # {shape}, uint8 or float in 0..255, to (N, {units})
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F
'''


def pytorch_source(network: Network, classes: int, *, task: Task = "single") -> str:
    """Python source with `build() -> nn.Module`; raises SpecError with every mistake."""
    traced = trace(network, classes, task)
    raise_lint_errors(network, traced, classes, task)
    chain = lower(network, traced)
    height, width, channels = network.input.shape
    head = _HEAD.format(
        what=f"A network for {height}x{width}x{channels} images and {classes} classes",
        shape=f"(N, {channels}, {height}, {width})",
        units=network.output_units(classes, task),
    )
    used = {call.name for call in _calls(chain)}
    needed = [name for name in _ORDER if name in used or (name == "Pad2d" and "SamePad2d" in used)]
    classes_text = [inspect.getsource(getattr(blocks, name)).rstrip() for name in needed]
    frozen = [
        f'    model.get_parameter("{name}").requires_grad_(False)' for name in _frozen(chain, "")
    ]
    body = [
        "def build() -> nn.Module:",
        '    """The network; its part names are those of the model file."""',
        f"    model = {_sequential(chain, 4)}",
        *frozen,
        "    return model",
    ]
    return "\n\n\n".join([head.rstrip(), *classes_text, "\n".join(body)]) + "\n"


_ORDER = (
    "Normalise", "Pad2d", "SamePad2d", "FlippedConv2d", "PaddedPool2d", "GlobalAvgPool2d",
    "GlobalMaxPool2d", "LayerNorm2d", "SqueezeExcitation", "ResidualBlock", "ConcatBranches",
)  # fmt: skip


def _calls(chain: ModuleSequence) -> Iterator[ModuleCall]:
    for _, call in chain.modules:
        yield call
        for item in call.arguments:
            if isinstance(item, ModuleSequence):
                yield from _calls(item)


def _frozen(chain: ModuleSequence, prefix: str) -> Iterator[str]:
    for name, call in chain.modules:
        yield from (f"{prefix}{name}.{parameter}" for parameter in call.frozen)
        inner = [item for item in call.arguments if isinstance(item, ModuleSequence)]
        for index, item in enumerate(inner):
            if call.name == "ConcatBranches":
                place = str(index)
            else:
                place = "layers" if index == 0 else "projection"
            yield from _frozen(item, f"{prefix}{name}.{place}.")


def _sequential(chain: ModuleSequence, indent: int) -> str:
    space = " " * (indent + 8)
    parts = "".join(
        f'{space}("{name}", {_text(call, indent + 8)}),\n' for name, call in chain.modules
    )
    end = " " * indent
    return f"nn.Sequential(\n{end}    OrderedDict([\n{parts}{end}    ])\n{end})"


def _text(call: ModuleCall, indent: int) -> str:
    arguments = [
        _sequential(item, indent) if isinstance(item, ModuleSequence) else repr(item)
        for item in call.arguments
    ]
    options = [f"{name}={value!r}" for name, value in call.options.items()]
    return f"{call.name}({', '.join([*arguments, *options])})"
