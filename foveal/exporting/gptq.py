"""Rounds the weights of an int8 graph so that a layer's output, not each weight, stays close.

Method: Frantar et al., "GPTQ", 2022: weights are rounded one input after another, and each error is
spread over the inputs still to come by their second moments on real images; the bias comes last.
Knows nothing of how scales are chosen or of whether the loss is acceptable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foveal.exporting.onnx import INPUT

MOST_INPUTS = 6000
"""Inputs of one output from which a layer is rounded plainly: the moments are a square of them."""
MOST_IMAGES = 128
_PLACES = 64
"""Places of a map that are looked at in an image."""
_BATCH = 8
_DAMPING = 0.01
MOST = 64
"""Largest 7-bit weight, as onnxruntime has it."""


@dataclass(frozen=True)
class _Layer:
    """A node with weights: the map it sees, how windows move over it, and its moments so far."""

    seen: str
    weight: str
    bias: str | None
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    moments: np.ndarray


@dataclass(frozen=True)
class RoundedWeights:
    """A layer's weights as whole numbers int8, their unit, and what its bias gains.

    scale, gain: float64 (outputs,).
    """

    whole: np.ndarray
    scale: np.ndarray
    gain: np.ndarray
    bias: str | None


def roundings(graph: Any, pixels: np.ndarray) -> dict[str, RoundedWeights]:
    """By the name of the weight; `graph` is an onnx.ModelProto, pixels uint8 (N, H, W, C).

    Layers with groups, or with more than MOST_INPUTS inputs, are left out.
    """
    from onnx import numpy_helper

    floats = {tensor.name: tensor for tensor in graph.graph.initializer}
    layers = list(_layers(graph, floats))
    if not layers:  # onnxruntime takes no names for all of its outputs
        return {}
    _observe(graph, layers, pixels[:MOST_IMAGES])
    found = {}
    for layer in layers:
        weight = numpy_helper.to_array(floats[layer.weight])
        flat = weight.reshape(len(weight), -1).astype(np.float64)
        scale = np.abs(flat).max(1, keepdims=True) / MOST
        whole, shift = _compensated(flat / np.where(scale > 0, scale, 1), layer.moments)
        found[layer.weight] = RoundedWeights(
            whole.reshape(weight.shape).astype(np.int8),
            scale[:, 0],
            shift * scale[:, 0],
            layer.bias,
        )
    return found


def apply(quantised: Any, found: Mapping[str, RoundedWeights]) -> None:
    """Put the roundings in place of the int8 weights and int32 biases of an onnx.ModelProto."""
    from onnx import numpy_helper

    held = {tensor.name: tensor for tensor in quantised.graph.initializer}
    for weight, rounding in found.items():
        tensor = held.get(f"{weight}_quantized")
        if tensor is None:  # spared
            continue
        scale = numpy_helper.to_array(held[f"{weight}_scale"])
        used = rounding.scale > 0
        if not np.allclose(scale[used], rounding.scale[used], rtol=1e-4):
            continue  # onnxruntime took larger units, so that the bias fits into 32 bits
        tensor.CopyFrom(numpy_helper.from_array(rounding.whole, tensor.name))
        if rounding.bias is not None:
            _gain(held, rounding.bias, rounding.gain)


def _compensated(weights: np.ndarray, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers for `weights` (outputs, inputs) in units of the scale, and the bias's share.

    moments: (inputs + 1, inputs + 1), the last being of the constant 1 that the bias is for.
    """
    inputs = weights.shape[1]
    damped = moments + np.eye(inputs + 1) * (_DAMPING * np.trace(moments) / (inputs + 1) + 1e-12)
    order = np.append(np.argsort(-np.diag(damped)[:-1], kind="stable"), inputs)
    spread = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    left = np.concatenate([weights, np.zeros((len(weights), 1))], 1)[:, order]
    whole = np.zeros_like(weights)
    for place in range(inputs):
        whole[:, order[place]] = np.clip(np.round(left[:, place]), -MOST, MOST)
        error = (left[:, place] - whole[:, order[place]]) / spread[place, place]
        left[:, place + 1 :] -= np.outer(error, spread[place, place + 1 :])
    return whole, left[:, -1]


def _gain(held: dict[str, Any], bias: str, gain: np.ndarray) -> None:
    from onnx import numpy_helper

    whole = held[f"{bias}_quantized"]
    scale = numpy_helper.to_array(held[f"{bias}_quantized_scale"])
    moved = numpy_helper.to_array(whole) + np.round(gain / scale)
    whole.CopyFrom(numpy_helper.from_array(moved.astype(np.int32), whole.name))


def _layers(graph: Any, floats: dict[str, Any]) -> Iterator[_Layer]:
    from onnx import helper

    for node in graph.graph.node:
        if node.op_type not in ("Conv", "Gemm") or node.input[1] not in floats:
            continue
        given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        shape = tuple(floats[node.input[1]].dims)
        inputs = int(np.prod(shape[1:]))
        plain = given.get("group", 1) == 1 and given.get("auto_pad", b"NOTSET") == b"NOTSET"
        if node.op_type == "Gemm":
            plain = given.get("transB", 0) == 1 and not given.get("transA", 0)
        if not plain or inputs > MOST_INPUTS or len(shape) not in (2, 4):
            continue
        rank = len(shape) - 2
        yield _Layer(
            node.input[0],
            node.input[1],
            node.input[2] if len(node.input) > 2 else None,
            shape[2:],
            tuple(given.get("strides", [1] * rank)),
            tuple(given.get("pads", [0] * 2 * rank)),
            tuple(given.get("dilations", [1] * rank)),
            np.zeros((inputs + 1, inputs + 1)),
        )


def _observe(graph: Any, layers: list[_Layer], pixels: np.ndarray) -> None:
    """Add the second moments of what the layers see to their `moments`."""
    import onnx
    import onnxruntime

    shown = onnx.ModelProto()
    shown.CopyFrom(graph)
    names = sorted({layer.seen for layer in layers})
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    random = np.random.default_rng(0)
    for start in range(0, len(pixels), _BATCH):
        maps = dict(
            zip(names, session.run(names, {INPUT: pixels[start : start + _BATCH]}), strict=True)
        )
        for layer in layers:
            rows = _windows(maps[layer.seen], layer, random)
            rows = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], 1)
            layer.moments[:] += rows.T @ rows


def _windows(maps: np.ndarray, layer: _Layer, random: np.random.Generator) -> np.ndarray:
    """What some outputs of the layer see, (windows, inputs)."""
    if maps.ndim == 2:
        return maps
    top, left, bottom, right = layer.pads
    maps = np.pad(maps, ((0, 0), (0, 0), (top, bottom), (left, right)))
    spans = [
        (size - 1) * step + 1 for size, step in zip(layer.kernel, layer.dilations, strict=True)
    ]
    views = np.lib.stride_tricks.sliding_window_view(maps, spans, axis=(2, 3))
    views = views[:, :, :: layer.strides[0], :: layer.strides[1]]
    views = views[..., :: layer.dilations[0], :: layer.dilations[1]]
    count = views.shape[2] * views.shape[3]
    places = random.choice(count, min(count, _PLACES), replace=False)
    chosen = views[:, :, places // views.shape[3], places % views.shape[3]]
    return np.moveaxis(chosen, 2, 1).reshape(-1, chosen.shape[1] * int(np.prod(layer.kernel)))
