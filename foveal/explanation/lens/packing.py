"""The layers of the lens page as JSON: their numbers packed as base64 of float32.

Every output value on the page can be computed anew there from what is packed here; what input
maps that are not on the page would add is packed as one map (`remainder`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from foveal.explanation.activations import Activations, LayerActivation
from foveal.explanation.lens.sampling import MAX_DENSE_VALUES
from foveal.explanation.shift import Shift
from foveal.network.blocks import FlippedConv2d, LayerScale, Pad2d, SqueezeExcitation
from foveal.spec.layers import LAYER_TYPES, Layer, Norm


def pack(values: Tensor | np.ndarray, dtype: str = "<f4") -> str:
    """Little-endian numbers as base64."""
    array = values.detach().numpy() if isinstance(values, Tensor) else values
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def layers_data(
    activations: Activations, maps: Sequence[Sequence[int]], shifts: Sequence[Shift]
) -> list[dict[str, Any]]:
    """One JSON object a layer; `maps` are the channels to show of each."""
    return [_layer_data(activations, layer, maps, shifts) for layer in activations.layers]


def _layer_data(
    activations: Activations,
    layer: LayerActivation,
    maps: Sequence[Sequence[int]],
    shifts: Sequence[Shift],
) -> dict[str, Any]:
    channels = list(maps[layer.id])
    field = layer.receptive_field
    data: dict[str, Any] = {
        "id": layer.id,
        "name": layer.name,
        "kind": layer.kind,
        "parent": layer.parent,
        "branch": layer.branch,
        "inputs": list(layer.inputs),
        "shape": list(layer.shape),
        "receptive_field": None if field is None else list(field.size),
        "weights": layer.weights,
        "multiply_adds": layer.multiply_adds,
        "maps": channels,
        "values": _values(layer, channels),
        "range": [float(layer.output.min()), float(layer.output.max())],
        "contributions": _contributions(layer, channels),
        "map_changes": [
            [float(shift.map_changes[layer.id][channel]) for channel in channels]
            for shift in shifts
        ],
        "layer_changes": [shift.layer_changes[layer.id] for shift in shifts],
        "hyperparameters": dict(layer.hyperparameters),
    }
    if layer.kind == "image":
        data["uint8"] = True
    inputs = [activations.layers[input_id] for input_id in layer.inputs]
    return data | _kind_data(layer, inputs, channels, [maps[one.id] for one in inputs])


def _contributions(layer: LayerActivation, channels: list[int]) -> list[float] | None:
    """Each map's contribution in per cent of the layer's sum of absolute values, signed."""
    contributions = layer.contributions()
    total = 0.0 if contributions is None else float(np.abs(contributions).sum())
    if contributions is None or not total:
        return None
    return [100 * float(contributions[channel]) / total for channel in channels]


def _values(layer: LayerActivation, channels: list[int]) -> str:
    if layer.kind == "normalise":  # computed on the page from the image, a quarter as large
        return ""
    values = layer.output[channels]
    return pack(values.numpy(), "u1") if layer.kind == "image" else pack(values)


def _kind_data(
    layer: LayerActivation,
    inputs: list[LayerActivation],
    channels: list[int],
    input_maps: list[Sequence[int]],
) -> dict[str, Any]:
    """The fields that only this kind of layer has."""
    module = layer.module
    if isinstance(module, nn.Conv2d):
        return {"filters": _filters(layer, module, inputs[0], channels, list(input_maps[0]))}
    if isinstance(module, nn.Linear):
        return {"units": _units(module, inputs[0].output, channels)}
    if issubclass(LAYER_TYPES.get(layer.kind, Layer), Norm):
        return {"norm": _norm(layer, inputs[0], channels)}
    if isinstance(module, SqueezeExcitation):
        return {"gate": pack(_gate(module, inputs[0])[channels])}
    if isinstance(module, LayerScale):
        return {"gate": pack(module.weight[channels])}
    if layer.kind == "concat":
        return {"sources": _sources(inputs, channels)}
    return {}


def _filters(
    layer: LayerActivation,
    conv: nn.Conv2d,
    source: LayerActivation,
    channels: list[int],
    input_maps: list[int],
) -> dict[str, Any]:
    weights = _dense_filters(conv, channels)
    others = [channel for channel in range(source.shape[0]) if channel not in set(input_maps)]
    used = others and bool(weights[:, others].abs().sum() > 0)
    return {
        "input_maps": input_maps,
        "weights": pack(weights[:, input_maps]),
        "bias": None if conv.bias is None else pack(conv.bias[channels]),
        "remainder": pack(_remainder(layer, conv, source, weights, others)) if used else None,
    }


def _dense_filters(conv: nn.Conv2d, channels: list[int]) -> Tensor:
    """The filters of `channels` over all input maps, 0 outside their group: (n, C, kh, kw)."""
    grouped = conv.weight.detach()
    group_inputs, group_outputs = grouped.shape[1], conv.out_channels // conv.groups
    dense = torch.zeros(len(channels), conv.in_channels, *grouped.shape[2:])
    for row, channel in enumerate(channels):
        first = channel // group_outputs * group_inputs
        dense[row, first : first + group_inputs] = grouped[channel]
    return dense


def _remainder(
    layer: LayerActivation,
    conv: nn.Conv2d,
    source: LayerActivation,
    weights: Tensor,
    others: list[int],
) -> Tensor:
    """What the input maps `others` add to each output value: (n, H, W)."""
    settings = layer.hyperparameters
    top, bottom, left, right = settings["padding"]
    pad = Pad2d((top, bottom, left, right), settings["mode"], settings["value"])
    filters = weights[:, others]
    if isinstance(conv, FlippedConv2d):
        filters = filters.flip(2, 3)
    maps = pad(source.output[None, others])
    return F.conv2d(maps, filters, stride=settings["stride"], dilation=settings["dilation"])[0]


def _units(linear: nn.Linear, inputs: Tensor, units: list[int]) -> dict[str, Any]:
    """The weighted sums of the units: the largest products, and the rest as one number."""
    weights = linear.weight.detach()[units]
    products = weights.double() * inputs.double()
    count = min(MAX_DENSE_VALUES, len(inputs))
    largest = products.abs().topk(count, 1).indices
    remainder = products.sum(1) - products.gather(1, largest).sum(1)
    return {
        "count": count,
        "total": len(inputs),
        "index": pack(largest.numpy(), "<i4"),
        "weights": pack(weights.gather(1, largest)),
        "values": pack(inputs[largest]),
        "remainder": pack(remainder.float()),
        "bias": None if linear.bias is None else pack(linear.bias[units]),
    }


def _norm(layer: LayerActivation, source: LayerActivation, channels: list[int]) -> dict[str, Any]:
    module, values = layer.module, source.output.double()
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    groups = int(getattr(module, "num_groups", 1))
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        assert module.running_mean is not None
        assert module.running_var is not None
        per = "map"
        mean, variance = module.running_mean[channels], module.running_var[channels]
    elif layer.kind == "group_norm":
        per, rows = "group", values.reshape(groups, -1)
        mean, variance = rows.mean(1), rows.var(1, correction=0)
    else:
        per, mean, variance = "position", values.mean(0), values.var(0, correction=0)
    return {
        "per": per,
        "mean": pack(mean),
        "variance": pack(variance),
        "scale": None if weight is None else pack(weight[channels]),
        "shift": None if bias is None else pack(bias[channels]),
        "epsilon": float(getattr(module, "eps", 0.0)),
        "groups": groups,
    }


@torch.no_grad()
def _gate(module: SqueezeExcitation, source: LayerActivation) -> Tensor:
    """The factor a squeeze-and-excitation layer gives each map: (C,)."""
    return module.factors(source.output[None])[0]


def _sources(inputs: list[LayerActivation], channels: list[int]) -> list[list[int]]:
    """For each map of a concat its branch and its map there."""
    ends = np.cumsum([layer.shape[0] for layer in inputs])
    sources = []
    for channel in channels:
        branch = int(np.searchsorted(ends, channel, side="right"))
        sources.append([branch, channel - int(ends[branch] - inputs[branch].shape[0])])
    return sources
