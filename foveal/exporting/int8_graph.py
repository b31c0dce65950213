"""Rewrites an int8 graph so that activations between its convolutions stay in 8 bits.

Pixels are 8-bit numbers already: they go into the first convolution as they are, with normalisation
folded into its weights. GELU becomes the product of its input and a sigmoid, for which runtimes
have 8-bit operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from foveal.exporting.onnx_graph import (
    consumers,
    initializers,
    producer_chain,
    producers,
    remove_unused_initializers,
    scalar_value,
    set_nodes,
    set_value,
)

MAX_LEVEL = 255
GELU_SIGMOID_SCALE = 1.702
"""GELU is within 0.021 of x * sigmoid(1.702 x) (Hendrycks and Gimpel 2016)."""
MAX_PADDING_ERROR = 0.1
"""Standard deviations by which a padded cell may differ from the mean with folded normalisation."""
_SIGMOID = ("sigmoid_scale", "sigmoid_zero_point")
"""Names of the scale and zero point of a sigmoid's output."""


def fold_normalisation(graph: Any) -> Any:
    """A copy of an onnx.ModelProto whose first convolution takes (pixels - zero) / 255.

    `zero` is the integer next to the mean of the channels, so that padding with it is padding with
    about 0 after normalisation. An unchanged copy where a padded cell would be off by more than
    MAX_PADDING_ERROR deviations, or where not exactly one convolution follows the normalisation.
    """
    from onnx import ModelProto

    folded = ModelProto()
    folded.CopyFrom(graph)
    constants = initializers(folded)
    conv = next((node for node in folded.graph.node if node.op_type == "Conv"), None)
    if conv is None or conv.input[1] not in constants or _group_count(conv) != 1:
        return folded
    chain = producer_chain(folded, conv, ("Div", "Sub", "Cast"))
    if chain is None:
        return folded
    divide, subtract, _ = chain
    mean, deviation = (_by_channel(constants[node.input[1]]) for node in (subtract, divide))
    zero = round(float(mean.mean()))
    if _is_padded(conv) and (np.abs(zero - mean) > MAX_PADDING_ERROR * deviation).any():
        return folded
    _fold_weights(folded, conv, zero - mean, deviation)
    for node, value in ((subtract, zero), (divide, MAX_LEVEL)):
        node.input[1] = _add_scalar(folded, f"{node.output[0]}_by", float(value))
    remove_unused_initializers(folded)
    return folded


def _fold_weights(proto: Any, conv: Any, offset: np.ndarray, deviation: np.ndarray) -> None:
    """Weights and bias for (pixels - zero) / 255; offset: zero - mean, (1, C, 1, 1)."""
    from onnx import numpy_helper

    constants = initializers(proto)
    weight = numpy_helper.to_array(constants[conv.input[1]]).astype(np.float64)
    bias = np.zeros(len(weight), np.float32)
    if len(conv.input) > 2:
        bias = numpy_helper.to_array(constants[conv.input[2]])
    else:
        conv.input.append(f"{conv.input[1]}.bias")
        proto.graph.initializer.append(numpy_helper.from_array(bias, conv.input[2]))
        constants = initializers(proto)
    shift = (weight * offset / deviation).sum(axis=(1, 2, 3))
    set_value(constants[conv.input[1]], (weight * MAX_LEVEL / deviation).astype(np.float32))
    set_value(constants[conv.input[2]], (bias + shift).astype(np.float32))


def _by_channel(tensor: Any) -> np.ndarray:
    """float64 (1, C, 1, 1)."""
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor).astype(np.float64).reshape(1, -1, 1, 1))


def _group_count(conv: Any) -> int:
    return next((int(item.i) for item in conv.attribute if item.name == "group"), 1)


def _is_padded(conv: Any) -> bool:
    return any(next((item.ints for item in conv.attribute if item.name == "pads"), ()))


def _add_scalar(proto: Any, name: str, value: float) -> str:
    """Add an fp32 constant without axes; its name."""
    from onnx import helper

    proto.graph.initializer.append(helper.make_tensor(name, 1, (), [value]))
    return name


def _add_zero_point(proto: Any, name: str, value: int) -> str:
    """Add a uint8 constant without axes; its name."""
    from onnx import helper

    proto.graph.initializer.append(helper.make_tensor(name, 2, (), [value]))
    return name


def fuse_pixel_input(proto: Any) -> None:
    """Make the 8-bit pixels the input of the first convolution, where `fold_normalisation` folded.

    Their cast, subtraction, division and quantisation are removed.
    """
    constants = initializers(proto)
    for node in proto.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        chain = producer_chain(proto, node, ("QuantizeLinear", "Div", "Sub", "Cast"))
        if chain is None:
            continue
        _, divide, subtract, cast = chain
        zero = scalar_value(constants, subtract.input[1])
        if scalar_value(constants, divide.input[1]) != MAX_LEVEL or zero is None:
            continue
        pixels = cast.input[0]
        scale = _add_scalar(proto, f"{pixels}_scale", 1 / MAX_LEVEL)
        zero_point = _add_zero_point(proto, f"{pixels}_zero_point", int(zero))
        del node.input[:]
        node.input.extend([pixels, scale, zero_point])
        set_nodes(proto, [other for other in proto.graph.node if other not in chain])
        return


def replace_gelu(proto: Any) -> None:
    """Replace every GELU between 8-bit maps by x * sigmoid(1.702 x), all in 8 bits."""
    producer, read_by = producers(proto), consumers(proto)
    _add_scalar(proto, _SIGMOID[0], 1 / MAX_LEVEL)
    _add_zero_point(proto, _SIGMOID[1], 0)
    nodes: list[Any] = []
    for node in proto.graph.node:
        source = producer.get(node.input[0]) if node.op_type == "Gelu" else None
        if (
            source is not None
            and source.op_type == "DequantizeLinear"
            and read_by.get(node.output[0]) == {"QuantizeLinear"}
        ):
            nodes += _sigmoid_product(proto, node, source)
        else:
            nodes.append(node)
    set_nodes(proto, nodes)


def _sigmoid_product(proto: Any, gelu: Any, source: Any) -> list[Any]:
    """The nodes in the place of a GELU; source: the DequantizeLinear of its input."""
    from onnx import helper

    integers, scale, zero_point = source.input
    step = scalar_value(initializers(proto), scale)
    assert step is not None
    name = gelu.output[0]
    scaled = _add_scalar(proto, f"{name}_scaled_scale", step * GELU_SIGMOID_SCALE)
    product = [gelu.input[0], f"{name}_factor"]
    make = helper.make_node
    return [
        make("DequantizeLinear", [integers, scaled, zero_point], [f"{name}_scaled"]),
        make("Sigmoid", [f"{name}_scaled"], [f"{name}_sigmoid"]),
        make("QuantizeLinear", [f"{name}_sigmoid", *_SIGMOID], [f"{name}_sigmoid_8bit"]),
        make("DequantizeLinear", [f"{name}_sigmoid_8bit", *_SIGMOID], [f"{name}_factor"]),
        make("Mul", product, [name], f"{gelu.name}_mul"),
    ]


def keep_fp32_weights(proto: Any) -> None:
    """Make onnxruntime compute layers with fp32 weights in fp32, between 8-bit maps too.

    Where such a layer reads and gives 8-bit maps, its optimiser rounds the weights to 8 bits with
    one scale for all filters (WeightBiasQuantization, 1.20 to 1.32 at least), unless the maps have
    a scale for each channel: so they get one, the same for all.
    """
    from onnx import helper, numpy_helper

    constants, producer = initializers(proto), producers(proto)
    nodes: list[Any] = []
    for node in proto.graph.node:
        weight = constants.get(node.input[1]) if node.op_type in ("Conv", "Gemm") else None
        source = producer.get(node.input[0]) if weight is not None else None
        if weight is not None and source is not None and source.op_type == "DequantizeLinear":
            name, channels = f"{node.name}_input", _input_channels(node, weight)
            parameters = [f"{name}_scale", f"{name}_zero_point"]
            for given, vector in zip(source.input[1:3], parameters, strict=True):
                values = np.full(channels, numpy_helper.to_array(constants[given]))
                proto.graph.initializer.append(numpy_helper.from_array(values, vector))
            inputs = [source.input[0], *parameters]
            nodes.append(helper.make_node("DequantizeLinear", inputs, [name], name, axis=1))
            node.input[0] = name
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    needed = [n for n in nodes if n.op_type != "DequantizeLinear" or n.output[0] in used]
    set_nodes(proto, needed)


def _input_channels(node: Any, weight: Any) -> int:
    """Channels of the maps that a Conv reads, inputs of a Gemm."""
    if node.op_type == "Conv":
        return int(weight.dims[1]) * _group_count(node)
    transposed = any(item.name == "transB" and item.i for item in node.attribute)
    return int(weight.dims[1 if transposed else 0])
