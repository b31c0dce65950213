"""The torch module call of every layer, as data: build runs the calls, codegen prints them.

It names torch's modules and their arguments without importing torch.
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

    init: initialisation of the weights (`he`, `identity`, `whiten`; None: torch's own).
    frozen: names of the parameters that are not trained.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    init: str | None = None
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModuleSequence:
    """Named calls whose modules run one after the other: an nn.Sequential."""

    modules: tuple[tuple[str, ModuleCall], ...]


def lower(network: Network, trace: Trace) -> ModuleSequence:
    """The calls of the whole network, normalisation first; the last one gives logits."""
    mean, std = network.preprocess.statistics(network.input.channels)
    normalise = ("normalise", ModuleCall("Normalise", (mean, std)))
    return ModuleSequence((normalise, *_sequence(trace.layers).modules))


def _sequence(steps: tuple[TracedLayer, ...]) -> ModuleSequence:
    modules: list[tuple[str, ModuleCall]] = []
    for step in steps:
        name = step.name.rsplit(".", 1)[-1]
        pad = _separate_padding(step)
        if pad is not None:
            modules.append((f"{name}_pad", pad))
        modules.append((name, _call(step, padded=pad is not None)))
    return ModuleSequence(tuple(modules))


def _separate_padding(step: TracedLayer) -> ModuleCall | None:
    """The padding before a convolution that nn.Conv2d cannot do itself."""
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
            return ModuleCall(
                "nn.Linear", (channels, layer.units), _bias_option(step.bias), init="he"
            )
        case spec.Output():
            return ModuleCall(
                "nn.Linear", (channels, step.output_shape[0]), _bias_option(step.bias)
            )
        case spec.Norm():
            return _norm(layer, step)
        case spec.SqueezeExcite():
            return _squeeze_excite(layer, channels)
        case spec.LayerScale():
            return ModuleCall("LayerScale", (channels, layer.initial))
        case spec.Residual():
            return _residual(layer, step)
        case spec.Concat():
            return ModuleCall(
                "ConcatBranches", tuple(_sequence(branch) for branch in step.branches)
            )
        case spec.Dropout():
            return ModuleCall("nn.Dropout", (layer.rate,))
        case spec.Dropout2d():
            return ModuleCall("nn.Dropout2d", (layer.rate,))
        case spec.LeakyRelu():
            return ModuleCall("nn.LeakyReLU", (layer.slope,))
        case spec.Elu():
            return ModuleCall("nn.ELU", (layer.alpha,))
        case _:
            return ModuleCall(_MODULES_WITHOUT_ARGUMENTS[layer.kind])


_MODULES_WITHOUT_ARGUMENTS = {
    "relu": "nn.ReLU",
    "relu6": "nn.ReLU6",
    "gelu": "nn.GELU",
    "silu": "nn.SiLU",
    "tanh": "nn.Tanh",
    "sigmoid": "nn.Sigmoid",
    "hard_sigmoid": "nn.Hardsigmoid",
    "hard_swish": "nn.Hardswish",
    "flatten": "nn.Flatten",
    "global_max_pool": "GlobalMaxPool2d",
    "global_avg_pool": "GlobalAvgPool2d",
}


def _bias_option(bias: bool) -> dict[str, Any]:
    return {} if bias else {"bias": False}


def _conv(step: TracedLayer, layer: spec.Conv, *, padded: bool) -> ModuleCall:
    options: dict[str, Any] = {}
    if layer.stride != (1, 1):
        options["stride"] = layer.stride
    if not padded and any(_symmetric_padding(layer)):
        options["padding"] = _symmetric_padding(layer)
    if layer.dilation != (1, 1):
        options["dilation"] = layer.dilation
    groups = step.input_shape[0] if layer.groups == "depthwise" else layer.groups
    if groups != 1:
        options["groups"] = groups
    return ModuleCall(
        "FlippedConv2d" if layer.flip else "nn.Conv2d",
        (step.input_shape[0], layer.channels, layer.kernel),
        options | _bias_option(step.bias),
        init="he" if layer.init == "default" else layer.init,
        frozen=("weight", "bias")[: 1 + step.bias] if layer.frozen else (),
    )


def _symmetric_padding(layer: spec.Conv) -> tuple[int, int]:
    window = geometry.dilated_size(layer.kernel, layer.dilation)
    top, _, left, _ = geometry.resolve_padding(layer.padding, (1, 1), window, (1, 1))
    return top, left


def _pool(layer: spec.Pool) -> ModuleCall:
    function = "max" if isinstance(layer, spec.MaxPool) else "avg"
    stride = layer.stride or layer.size
    count_padding = not isinstance(layer, spec.AvgPool) or layer.count_padding
    padding: geometry.Sides | Literal["same"]
    padding = (0, 0, 0, 0) if layer.padding == "valid" else layer.padding
    if padding == "same" and geometry.same_padding_is_symmetric(layer.size, stride):
        padding = geometry.resolve_padding("same", (1, 1), layer.size, (1, 1))
    if padding == "same" or not _supported_by_torch(padding, layer.size):
        sides = None if padding == "same" else padding
        return ModuleCall(
            "PaddedPool2d",
            (function, layer.size, stride, sides),
            {"ceil": layer.ceil, "count_padding": count_padding},
        )
    options: dict[str, Any] = {}
    if stride != layer.size:
        options["stride"] = stride
    if any(padding):
        options["padding"] = (padding[0], padding[2])
    if layer.ceil:
        options["ceil_mode"] = True
    if not count_padding:
        options["count_include_pad"] = False
    return ModuleCall(
        "nn.MaxPool2d" if function == "max" else "nn.AvgPool2d", (layer.size,), options
    )


def _supported_by_torch(padding: geometry.Sides, size: tuple[int, int]) -> bool:
    top, bottom, left, right = padding
    return top == bottom and left == right and top <= size[0] // 2 and left <= size[1] // 2


def _norm(layer: spec.Layer, step: TracedLayer) -> ModuleCall:
    channels, is_map = step.input_shape[0], len(step.input_shape) == 3
    match layer:
        case spec.BatchNorm():
            return _batch_norm("nn.BatchNorm2d" if is_map else "nn.BatchNorm1d", layer, channels)
        case spec.LayerNorm():
            name = "LayerNorm2d" if is_map else "nn.LayerNorm"
            return ModuleCall(name, (channels,), {"eps": layer.epsilon})
        case spec.GroupNorm():
            return ModuleCall("nn.GroupNorm", (layer.groups, channels), {"eps": layer.epsilon})
    raise AssertionError(layer.kind)


def _batch_norm(name: str, layer: spec.BatchNorm, channels: int) -> ModuleCall:
    options = {} if layer.epsilon == 1e-5 else {"eps": layer.epsilon}
    options |= {} if layer.momentum == 0.1 else {"momentum": layer.momentum}
    return ModuleCall(name, (channels,), options, frozen=() if layer.scale else ("weight",))


def _squeeze_excite(layer: spec.SqueezeExcite, channels: int) -> ModuleCall:
    functions = {"activation": layer.activation, "gate": layer.gate}
    options = {
        name: function
        for name, function in functions.items()
        if function != spec.SqueezeExcite.model_fields[name].default
    }
    return ModuleCall("SqueezeExcitation", (channels, layer.hidden_units(channels)), options)


def _residual(layer: spec.Residual, step: TracedLayer) -> ModuleCall:
    inner = _sequence(step.branches[0])
    rate = {"stochastic_depth": layer.stochastic_depth} if layer.stochastic_depth else {}
    if step.projection is None:
        return ModuleCall("ResidualBlock", (inner,), rate)
    norm, channels = step.projection_norm, step.output_shape[0]
    options = {} if step.projection == (1, 1) else {"stride": step.projection}
    conv = ModuleCall(
        "nn.Conv2d",
        (step.input_shape[0], channels, (1, 1)),
        options | _bias_option(norm is None),
        init="he",
    )
    projection = [("conv", conv)]
    if norm is not None:
        projection.append(("batch_norm", _batch_norm("nn.BatchNorm2d", norm, channels)))
    return ModuleCall("ResidualBlock", (inner, ModuleSequence(tuple(projection))), rate)
