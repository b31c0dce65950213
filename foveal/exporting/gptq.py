"""Rounds the weights of an int8 graph so that a layer's output, not each weight, stays close.

Method: Frantar et al., "GPTQ", 2022: weights are rounded one input after another, and each error is
distributed over the remaining inputs by their second moments on real images; the bias comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foveal.exporting.onnx import INPUT_NAME
from foveal.exporting.onnx_graph import initializers, set_value
from foveal.prediction.runtime import load_onnxruntime

MAX_GPTQ_INPUTS = 6000
"""Layers of more inputs per output are rounded to nearest: moments grow with the square."""
MAX_GPTQ_IMAGES = 128
_WINDOWS_PER_IMAGE = 64
"""Windows sampled from the input map of a layer, per image."""
_MAX_BATCH_SIZE = 8
_BATCH_PIXELS = 2 * 224 * 224
"""In a batch whose maps of all layers are held: EfficientNet-Lite0 takes 4.5 GB for 32 images of
224 px, 2.3 GB for 8."""
_DAMPING = 0.01
MAX_WEIGHT = 64
"""Largest 7-bit weight, as in onnxruntime."""


@dataclass(frozen=True)
class _WeightedLayer:
    """A node with weights: its input, how windows move over it, and the moments so far.

    moments: float64 (groups, inputs + 1, inputs + 1), of the inputs of one output and the constant
    1 of the bias.
    """

    input: str
    weight: str
    bias: str | None
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    moments: np.ndarray


@dataclass(frozen=True)
class RoundedWeights:
    """A layer's weights int8, their scale, and the correction of its bias.

    scale, bias_correction: float64 (outputs,).
    """

    weights: np.ndarray
    scale: np.ndarray
    bias_correction: np.ndarray
    bias: str | None


def calibration_batch_size(pixels: np.ndarray, most: int) -> int:
    """How many images of uint8 (N, H, W, C) a graph is calibrated with at once, at most `most`."""
    height, width = pixels.shape[1:3]
    pixels_of_one = int(height) * int(width)
    return max(1, min(most, _BATCH_PIXELS // pixels_of_one))


def round_weights(graph: Any, pixels: np.ndarray) -> dict[str, RoundedWeights]:
    """Rounded weights by tensor name; `graph`: an onnx.ModelProto, pixels: uint8 (N, H, W, C).

    Layers of more than MAX_GPTQ_INPUTS inputs are left out.
    """
    from onnx import numpy_helper

    constants = initializers(graph)
    layers = list(_weighted_layers(graph, constants))
    if not layers:  # onnxruntime takes an empty list of output names for all outputs
        return {}
    _accumulate_moments(graph, layers, pixels[:MAX_GPTQ_IMAGES])
    rounded = {}
    for layer in layers:
        weight = numpy_helper.to_array(constants[layer.weight])
        flat = weight.reshape(len(weight), -1).astype(np.float64)
        scale = np.abs(flat).max(1, keepdims=True) / MAX_WEIGHT
        scaled = flat / np.where(scale > 0, scale, 1)
        by_group = scaled.reshape(len(layer.moments), -1, flat.shape[1])
        integers, shift = _gptq_round(by_group, layer.moments)
        rounded[layer.weight] = RoundedWeights(
            integers.reshape(weight.shape).astype(np.int8),
            scale[:, 0],
            shift.reshape(-1) * scale[:, 0],
            layer.bias,
        )
    return rounded


def apply_rounding(quantised: Any, rounded: Mapping[str, RoundedWeights]) -> None:
    """Replace the int8 weights and int32 biases of an onnx.ModelProto by the rounded ones.

    Filters to which onnxruntime gave a larger scale, so that their bias fits into 32 bits, keep
    its weights: they are next to 0.
    """
    from onnx import numpy_helper

    constants = initializers(quantised)
    for weight, layer in rounded.items():
        tensor = constants.get(f"{weight}_quantized")
        if tensor is None:  # this layer stays fp32
            continue
        scale = numpy_helper.to_array(constants[f"{weight}_scale"])
        same = np.isclose(scale, layer.scale, rtol=1e-4, atol=0)
        per_filter = same.reshape(-1, *[1] * (layer.weights.ndim - 1))
        weights = np.where(per_filter, layer.weights, numpy_helper.to_array(tensor))
        set_value(tensor, weights)
        if layer.bias is not None:
            _correct_bias(constants, layer.bias, np.where(same, layer.bias_correction, 0))


def _gptq_round(weights: np.ndarray, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers for `weights` (groups, outputs, inputs) in units of the scale, and of the bias.

    moments: (groups, inputs + 1, inputs + 1); the last input is the constant 1 of the bias, whose
    correction is (groups, outputs).
    """
    groups, outputs, inputs = weights.shape
    scale = np.trace(moments, axis1=1, axis2=2)[:, None, None] / (inputs + 1)
    damped = moments + np.eye(inputs + 1) * (_DAMPING * scale + 1e-12)
    largest = np.argsort(-np.diagonal(damped, axis1=1, axis2=2)[:, :-1], axis=1, kind="stable")
    order = np.concatenate([largest, np.full((groups, 1), inputs)], 1)
    damped = np.take_along_axis(damped, order[:, :, None], 1)
    damped = np.take_along_axis(damped, order[:, None, :], 2)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    bias = np.zeros((groups, outputs, 1))
    remaining = np.take_along_axis(np.concatenate([weights, bias], 2), order[:, None, :], 2)
    rounded = np.zeros_like(weights)
    for i in range(inputs):
        rounded[:, :, i] = np.clip(np.round(remaining[:, :, i]), -MAX_WEIGHT, MAX_WEIGHT)
        error = (remaining[:, :, i] - rounded[:, :, i]) / factor[:, i, i, None]
        remaining[:, :, i + 1 :] -= error[:, :, None] * factor[:, i, None, i + 1 :]
    integers = np.zeros_like(weights)
    np.put_along_axis(integers, largest[:, None, :], rounded, 2)
    return integers, remaining[:, :, -1]


def _correct_bias(constants: dict[str, Any], bias: str, correction: np.ndarray) -> None:
    from onnx import numpy_helper

    tensor = constants[f"{bias}_quantized"]
    scale = numpy_helper.to_array(constants[f"{bias}_quantized_scale"])
    corrected = numpy_helper.to_array(tensor) + np.round(correction / scale)
    set_value(tensor, corrected.astype(np.int32))


def _weighted_layers(graph: Any, constants: dict[str, Any]) -> Iterator[_WeightedLayer]:
    from onnx import helper

    for node in graph.graph.node:
        if node.op_type not in ("Conv", "Gemm") or node.input[1] not in constants:
            continue
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        shape = tuple(constants[node.input[1]].dims)
        inputs = int(np.prod(shape[1:]))
        groups = attributes.get("group", 1)
        supported = attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
        if node.op_type == "Gemm":
            supported = attributes.get("transB", 0) == 1 and not attributes.get("transA", 0)
        if not supported or inputs > MAX_GPTQ_INPUTS or len(shape) not in (2, 4):
            continue
        rank = len(shape) - 2
        yield _WeightedLayer(
            node.input[0],
            node.input[1],
            node.input[2] if len(node.input) > 2 else None,
            shape[2:],
            tuple(attributes.get("strides", [1] * rank)),
            tuple(attributes.get("pads", [0] * 2 * rank)),
            tuple(attributes.get("dilations", [1] * rank)),
            np.zeros((groups, inputs + 1, inputs + 1)),
        )


def _accumulate_moments(graph: Any, layers: list[_WeightedLayer], pixels: np.ndarray) -> None:
    """Add the second moments of the layers' inputs to their `moments`."""
    import onnx

    onnxruntime = load_onnxruntime()
    probed = onnx.ModelProto()
    probed.CopyFrom(graph)
    names = sorted({layer.input for layer in layers})
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    size = calibration_batch_size(pixels, _MAX_BATCH_SIZE)
    for start in range(0, len(pixels), size):
        found = session.run(names, {INPUT_NAME: pixels[start : start + size]})
        maps = dict(zip(names, found, strict=True))
        for layer in layers:
            windows = _sample_windows(maps[layer.input], layer, rng)
            rows = windows.reshape(len(windows), len(layer.moments), -1).transpose(1, 0, 2)
            rows = np.concatenate([rows, np.ones((*rows.shape[:2], 1), np.float32)], 2)
            layer.moments[:] += rows.transpose(0, 2, 1) @ rows


def _sample_windows(
    maps: np.ndarray, layer: _WeightedLayer, rng: np.random.Generator
) -> np.ndarray:
    """Random windows of the layer's input map, (windows, inputs)."""
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
    positions = rng.choice(count, min(count, _WINDOWS_PER_IMAGE), replace=False)
    windows = views[:, :, positions // views.shape[3], positions % views.shape[3]]
    return np.moveaxis(windows, 2, 1).reshape(-1, windows.shape[1] * int(np.prod(layer.kernel)))
