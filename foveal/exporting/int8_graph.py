"""Rewrites an int8 graph so that activations between its convolutions stay in 8 bits.

Pixels are 8-bit numbers already: they go into the first convolution as they are, with normalisation
folded into its weights. GELU becomes the product of its input and a sigmoid, for which runtimes
have 8-bit operators.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

MAX_LEVEL = 255
GELU_SIGMOID_SCALE = 1.702
"""GELU is within 0.021 of x * sigmoid(1.702 x) (Hendrycks and Gimpel 2016)."""
MAX_PADDING_ERROR = 0.1
"""Standard deviations by which a padded cell may differ from the mean with folded normalisation."""


def fold_normalisation(graph: Any) -> Any:
    """A copy of an onnx.ModelProto whose first convolution takes (pixels - zero) / 255.

    `zero` is the integer next to the mean of the channels, so that padding with it is padding with
    about 0 after normalisation. An unchanged copy where a padded cell would be off by more than
    MAX_PADDING_ERROR deviations, or where not exactly one convolution follows the normalisation.
    """
    from onnx import ModelProto, helper, numpy_helper

    folded = ModelProto()
    folded.CopyFrom(graph)
    initializers = {tensor.name: tensor for tensor in folded.graph.initializer}
    conv = next((node for node in folded.graph.node if node.op_type == "Conv"), None)
    if conv is None or conv.input[1] not in initializers:
        return folded
    chain = _producers(conv, folded.graph.node, ("Div", "Sub", "Cast"))
    if chain is None:
        return folded
    divide, subtract, _ = chain
    mean, deviation = (
        numpy_helper.to_array(initializers[node.input[1]]).astype(np.float64).reshape(1, -1, 1, 1)
        for node in (subtract, divide)
    )
    zero = round(float(mean.mean()))
    pads = next((item.ints for item in conv.attribute if item.name == "pads"), ())
    weight = numpy_helper.to_array(initializers[conv.input[1]]).astype(np.float64)
    if (any(pads) and (np.abs(zero - mean) > MAX_PADDING_ERROR * deviation).any()) or _group_count(
        conv
    ) != 1:
        return folded
    shift = (weight * (zero - mean) / deviation).sum(axis=(1, 2, 3))
    if len(conv.input) < 3:
        conv.input.append(f"{conv.input[1]}.bias")
        bias = np.zeros(len(weight), np.float32)
        folded.graph.initializer.append(numpy_helper.from_array(bias, conv.input[2]))
        initializers[conv.input[2]] = folded.graph.initializer[-1]
    _set_tensor(initializers[conv.input[1]], weight * MAX_LEVEL / deviation)
    _set_tensor(
        initializers[conv.input[2]], numpy_helper.to_array(initializers[conv.input[2]]) + shift
    )
    for node, value in ((subtract, zero), (divide, MAX_LEVEL)):
        name = f"{node.output[0]}_by"
        folded.graph.initializer.append(helper.make_tensor(name, 1, (), [float(value)]))
        node.input[1] = name
    _remove_unused_constants(folded)
    return folded


def _producers(node: Any, nodes: Any, kinds: tuple[str, ...]) -> list[Any] | None:
    """The chain of nodes of these kinds that leads to `node` alone, nearest first, or None."""
    producer = {name: other for other in nodes for name in other.output}
    uses = Counter(name for other in nodes for name in other.input)
    chain: list[Any] = []
    for kind in kinds:
        name = (chain[-1] if chain else node).input[0]
        if name not in producer or producer[name].op_type != kind or uses[name] != 1:
            return None
        chain.append(producer[name])
    return chain


def _group_count(conv: Any) -> int:
    return next((int(item.i) for item in conv.attribute if item.name == "group"), 1)


def _set_tensor(tensor: Any, value: np.ndarray) -> None:
    from onnx import numpy_helper

    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), tensor.name))


def fuse_pixel_input(proto: Any) -> None:
    """Make the 8-bit pixels the input of the first convolution, where `fold_normalisation` folded.

    Their cast, subtraction, division and quantisation are removed.
    """
    from onnx import helper

    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in list(proto.graph.node):
        chain = None
        if node.op_type == "DequantizeLinear":
            chain = _producers(node, proto.graph.node, ("QuantizeLinear", "Div", "Sub", "Cast"))
        if chain is None:
            continue
        _, divide, subtract, cast = chain
        levels, zero = (
            _scalar_value(initializers, divide.input[1]),
            _scalar_value(initializers, subtract.input[1]),
        )
        if levels != MAX_LEVEL or zero is None:
            continue
        scale, zero_point = f"{cast.input[0]}_scale", f"{cast.input[0]}_zero_point"
        proto.graph.initializer.extend(
            [
                helper.make_tensor(scale, 1, (), [1 / MAX_LEVEL]),
                helper.make_tensor(zero_point, 2, (), [int(zero)]),
            ]
        )
        del node.input[:]
        node.input.extend([cast.input[0], scale, zero_point])
        for removed in chain:
            proto.graph.node.remove(removed)
        _remove_unused_constants(proto)
        return


def _remove_unused_constants(proto: Any) -> None:
    """Remove initializers that no node uses any more."""
    used = {name for node in proto.graph.node for name in node.input}
    for tensor in [item for item in proto.graph.initializer if item.name not in used]:
        proto.graph.initializer.remove(tensor)


def _scalar_value(initializers: dict[str, Any], name: str) -> float | None:
    from onnx import numpy_helper

    value = numpy_helper.to_array(initializers[name]) if name in initializers else np.zeros(2)
    return float(value) if value.ndim == 0 else None


def replace_gelu(proto: Any) -> None:
    """Replace every GELU between 8-bit maps by x * sigmoid(1.702 x), all in 8 bits."""
    from onnx import helper

    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    producer = {name: node for node in proto.graph.node for name in node.output}
    users: dict[str, set[str]] = {}
    for node in proto.graph.node:
        for name in node.input:
            users.setdefault(name, set()).add(node.op_type)
    proto.graph.initializer.extend(
        [
            helper.make_tensor("sigmoid_scale", 1, (), [1 / MAX_LEVEL]),
            helper.make_tensor("sigmoid_zero_point", 2, (), [0]),
        ]
    )
    nodes: list[Any] = []
    for node in proto.graph.node:
        source = producer.get(node.input[0]) if node.op_type == "Gelu" else None
        if (
            source is None
            or source.op_type != "DequantizeLinear"
            or users.get(node.output[0]) != {"QuantizeLinear"}
        ):
            nodes.append(node)
            continue
        integers, scale, zero_point = source.input
        step = _scalar_value(initializers, scale)
        assert step is not None
        name = node.output[0]
        scaled = helper.make_tensor(f"{name}_scaled_scale", 1, (), [step * GELU_SIGMOID_SCALE])
        proto.graph.initializer.append(scaled)
        sigmoid = ("sigmoid_scale", "sigmoid_zero_point")
        nodes += [
            helper.make_node(
                "DequantizeLinear", [integers, scaled.name, zero_point], [f"{name}_scaled"]
            ),
            helper.make_node("Sigmoid", [f"{name}_scaled"], [f"{name}_sigmoid"]),
            helper.make_node(
                "QuantizeLinear", [f"{name}_sigmoid", *sigmoid], [f"{name}_sigmoid_8bit"]
            ),
            helper.make_node(
                "DequantizeLinear", [f"{name}_sigmoid_8bit", *sigmoid], [f"{name}_factor"]
            ),
            helper.make_node("Mul", [node.input[0], f"{name}_factor"], [name], f"{node.name}_mul"),
        ]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    _remove_unused_constants(proto)


def keep_fp32_weights(proto: Any) -> None:
    """Make onnxruntime compute layers with fp32 weights in fp32, between 8-bit maps too.

    Where such a layer reads and gives 8-bit maps, its optimiser rounds the weights to 8 bits with
    one scale for all filters (WeightBiasQuantization, 1.20 to 1.32 at least), unless the maps have
    a scale for each channel: so they get one, the same for all.
    """
    from onnx import helper, numpy_helper

    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    producer = {name: node for node in proto.graph.node for name in node.output}
    nodes: list[Any] = []
    for node in proto.graph.node:
        weight = initializers.get(node.input[1]) if node.op_type in ("Conv", "Gemm") else None
        source = producer.get(node.input[0]) if weight is not None else None
        if weight is not None and source is not None and source.op_type == "DequantizeLinear":
            name, channels = f"{node.name}_input", _input_channels(node, weight)
            parameters = [f"{name}_scale", f"{name}_zero_point"]
            for given, vector in zip(source.input[1:3], parameters, strict=True):
                values = np.full(channels, numpy_helper.to_array(initializers[given]))
                proto.graph.initializer.append(numpy_helper.from_array(values, vector))
            inputs = [source.input[0], *parameters]
            nodes.append(helper.make_node("DequantizeLinear", inputs, [name], name, axis=1))
            node.input[0] = name
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    del proto.graph.node[:]
    proto.graph.node.extend(
        node for node in nodes if node.op_type != "DequantizeLinear" or node.output[0] in used
    )
    _remove_unused_constants(proto)


def _input_channels(node: Any, weight: Any) -> int:
    """Channels of the maps that a Conv reads, inputs of a Gemm."""
    if node.op_type == "Conv":
        return int(weight.dims[1]) * _group_count(node)
    transposed = any(item.name == "transB" and item.i for item in node.attribute)
    return int(weight.dims[1 if transposed else 0])
