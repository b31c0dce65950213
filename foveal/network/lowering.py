"""Which torch call makes each step, as data: build runs the calls, source prints them.

Knows the names and arguments of torch's modules, but imports nothing of torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from foveal.network import geometry
from foveal.network.shapes import Trace, TracedLayer
from foveal.spec import layers as spec
from foveal.spec.network import Network


@dataclass(frozen=True)
class ModuleCall:
    """`name(*arguments, **options)`; names starting with `nn.` are torch's, others are blocks.

    init: how the weights start (`he`, `identity`, `whiten`).  frozen: names of the parameters that
    are not learned.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    init: str | None = None
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModuleSequence:
    """Named parts run one after the other: an nn.Sequential."""

    modules: tuple[tuple[str, ModuleCall], ...]


def lower(network: Network, trace: Trace) -> ModuleSequence:
    """The whole network, normalisation first; the last part gives logits."""
    mean, std = network.preprocess.statistics(network.input.channels)
    first = ("normalise", ModuleCall("Normalise", (mean, std)))
    return ModuleSequence((first, *_chain(trace.layers).modules))


def _chain(steps: tuple[TracedLayer, ...]) -> ModuleSequence:
    parts: list[tuple[str, ModuleCall]] = []
    for step in steps:
        own = step.name.rsplit(".", 1)[-1]
        pad = _pad(step)
        if pad is not None:
            parts.append((f"{own}_pad", pad))
        parts.append((own, _call(step, padded=pad is not None)))
    return ModuleSequence(tuple(parts))


def _pad(step: TracedLayer) -> ModuleCall | None:
    layer = step.layer
    if not isinstance(layer, spec.Conv) or layer.padding in ("valid", (0, 0, 0, 0)):
        return None
    window = geometry.dilated_size(layer.kernel, layer.dilation)
    options: dict[str, Any] = {}
    if layer.padding_mode != "constant":
        options["mode"] = layer.padding_mode
    elif layer.padding_value:
        options["value"] = layer.padding_value
    if layer.padding == "same":
        if geometry.same_padding_is_symmetric(window, layer.stride):
            top, bottom, left, right = geometry.resolve_padding("same", (1, 1), window, (1, 1))
            return ModuleCall("Pad2d", ((top, bottom, left, right),), options) if options else None
        return ModuleCall("SamePad2d", (window, layer.stride), options)
    assert not isinstance(layer.padding, str)
    top, bottom, left, right = layer.padding
    if top == bottom and left == right and not options:
        return None
    return ModuleCall("Pad2d", (layer.padding,), options)


def _call(step: TracedLayer, *, padded: bool) -> ModuleCall:
    layer = step.layer
    channels = step.input_shape[0]
    match layer:
        case spec.Conv():
            return _conv(step, layer, padded=padded)
        case spec.Pool():
            return _pool(layer)
        case spec.Pad():
            return ModuleCall("Pad2d", (layer.padding, layer.mode, layer.value))
        case spec.Dense():
            return ModuleCall("nn.Linear", (channels, layer.units), _unless(step.bias), init="he")
        case spec.Output():
            return ModuleCall("nn.Linear", (channels, step.output_shape[0]), _unless(step.bias))
        case spec.BatchNorm() | spec.LayerNorm() | spec.GroupNorm():
            return _norm(layer, step)
        case spec.SqueezeExcite():
            return ModuleCall("SqueezeExcitation", (channels, -(-channels // layer.reduction)))
        case spec.Residual():
            return _residual(step)
        case spec.Concat():
            return ModuleCall("ConcatBranches", tuple(_chain(branch) for branch in step.branches))
        case spec.Dropout():
            return ModuleCall("nn.Dropout", (layer.rate,))
        case spec.Dropout2d():
            return ModuleCall("nn.Dropout2d", (layer.rate,))
        case spec.LeakyRelu():
            return ModuleCall("nn.LeakyReLU", (layer.slope,))
        case spec.Elu():
            return ModuleCall("nn.ELU", (layer.alpha,))
        case _:
            return ModuleCall(_SIMPLE[layer.kind])


_SIMPLE = {
    "relu": "nn.ReLU",
    "gelu": "nn.GELU",
    "silu": "nn.SiLU",
    "tanh": "nn.Tanh",
    "sigmoid": "nn.Sigmoid",
    "hard_swish": "nn.Hardswish",
    "flatten": "nn.Flatten",
    "global_max_pool": "GlobalMaxPool2d",
    "global_avg_pool": "GlobalAvgPool2d",
}


def _unless(bias: bool) -> dict[str, Any]:
    return {} if bias else {"bias": False}


def _conv(step: TracedLayer, layer: spec.Conv, *, padded: bool) -> ModuleCall:
    options: dict[str, Any] = {}
    if layer.stride != (1, 1):
        options["stride"] = layer.stride
    if not padded and any(_own_padding(layer)):
        options["padding"] = _own_padding(layer)
    if layer.dilation != (1, 1):
        options["dilation"] = layer.dilation
    groups = step.input_shape[0] if layer.groups == "depthwise" else layer.groups
    if groups != 1:
        options["groups"] = groups
    return ModuleCall(
        "FlippedConv2d" if layer.flip else "nn.Conv2d",
        (step.input_shape[0], layer.channels, layer.kernel),
        options | _unless(step.bias),
        init="he" if layer.init == "default" else layer.init,
        frozen=("weight", "bias")[: 1 + step.bias] if layer.frozen else (),
    )


def _own_padding(layer: spec.Conv) -> tuple[int, int]:
    window = geometry.dilated_size(layer.kernel, layer.dilation)
    top, _, left, _ = geometry.resolve_padding(layer.padding, (1, 1), window, (1, 1))
    return top, left


def _pool(layer: spec.Pool) -> ModuleCall:
    function = "max" if isinstance(layer, spec.MaxPool) else "avg"
    stride = layer.stride or layer.size
    counts = not isinstance(layer, spec.AvgPool) or layer.count_padding
    padding: geometry.Sides | Literal["same"]
    padding = (0, 0, 0, 0) if layer.padding == "valid" else layer.padding
    if padding == "same" and geometry.same_padding_is_symmetric(layer.size, stride):
        padding = geometry.resolve_padding("same", (1, 1), layer.size, (1, 1))
    if padding == "same" or not _native(padding, layer.size):
        sides = None if padding == "same" else padding
        return ModuleCall(
            "PaddedPool2d",
            (function, layer.size, stride, sides),
            {"ceil": layer.ceil, "count_padding": counts},
        )
    options: dict[str, Any] = {}
    if stride != layer.size:
        options["stride"] = stride
    if any(padding):
        options["padding"] = (padding[0], padding[2])
    if layer.ceil:
        options["ceil_mode"] = True
    if not counts:
        options["count_include_pad"] = False
    return ModuleCall(
        "nn.MaxPool2d" if function == "max" else "nn.AvgPool2d", (layer.size,), options
    )


def _native(padding: geometry.Sides, size: tuple[int, int]) -> bool:
    top, bottom, left, right = padding
    return top == bottom and left == right and top <= size[0] // 2 and left <= size[1] // 2


def _norm(layer: spec.Layer, step: TracedLayer) -> ModuleCall:
    channels, maps = step.input_shape[0], len(step.input_shape) == 3
    match layer:
        case spec.BatchNorm():
            options = {
                name: value
                for name, value, default in (
                    ("eps", layer.epsilon, 1e-5),
                    ("momentum", layer.momentum, 0.1),
                )
                if value != default
            }
            name = "nn.BatchNorm2d" if maps else "nn.BatchNorm1d"
            return ModuleCall(name, (channels,), options, frozen=() if layer.scale else ("weight",))
        case spec.LayerNorm():
            name = "LayerNorm2d" if maps else "nn.LayerNorm"
            return ModuleCall(name, (channels,), {"eps": layer.epsilon})
        case spec.GroupNorm():
            return ModuleCall("nn.GroupNorm", (layer.groups, channels), {"eps": layer.epsilon})
    raise AssertionError(layer.kind)


def _residual(step: TracedLayer) -> ModuleCall:
    inside = _chain(step.branches[0])
    if step.projection is None:
        return ModuleCall("ResidualBlock", (inside,))
    norm = step.projection_norm
    conv = ModuleCall(
        "nn.Conv2d",
        (step.input_shape[0], step.output_shape[0], (1, 1)),
        ({} if step.projection == (1, 1) else {"stride": step.projection}) | _unless(norm is None),
        init="he",
    )
    parts: list[tuple[str, ModuleCall]] = [("conv", conv)]
    if norm is not None:
        options = {} if norm.epsilon == 1e-5 else {"eps": norm.epsilon}
        options |= {} if norm.momentum == 0.1 else {"momentum": norm.momentum}
        call = ModuleCall(
            "nn.BatchNorm2d",
            (step.output_shape[0],),
            options,
            frozen=() if norm.scale else ("weight",),
        )
        parts.append(("batch_norm", call))
    return ModuleCall("ResidualBlock", (inside, ModuleSequence(tuple(parts))))
