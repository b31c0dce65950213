"""Rewrites an int8 graph so that what lies between its convolutions stays in 8 bits.

Pixels are 8-bit numbers already: they go into the first convolution as they are, and what
normalisation did is in its weights. GELU becomes a product of its input and a sigmoid, for which
runtimes have 8-bit operators. Knows nothing of calibration or of whether the loss is acceptable.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

LEVELS = 255
GELU_SLOPE = 1.702
"""GELU is within 0.021 of x * sigmoid(1.702 x) (Hendrycks and Gimpel 2016)."""
BORDER = 0.1
"""Deviations that a padded cell may be off the mean where padding meets folded normalisation."""


def fold_normalisation(graph: Any) -> Any:
    """A copy of an onnx.ModelProto whose first convolution sees (pixels - zero) / 255.

    `zero` is a whole number near the channels' mean, so that padding with it is padding with about
    0 after normalisation. Left as it is where a padded cell would be further off than BORDER
    deviations, or where not one convolution alone follows the normalisation.
    """
    from onnx import ModelProto, helper, numpy_helper

    folded = ModelProto()
    folded.CopyFrom(graph)
    held = {tensor.name: tensor for tensor in folded.graph.initializer}
    conv = next((node for node in folded.graph.node if node.op_type == "Conv"), None)
    if conv is None or conv.input[1] not in held:
        return folded
    chain = _before(conv, folded.graph.node, ("Div", "Sub", "Cast"))
    if chain is None:
        return folded
    divide, subtract, _ = chain
    mean, deviation = (
        numpy_helper.to_array(held[node.input[1]]).astype(np.float64).reshape(1, -1, 1, 1)
        for node in (subtract, divide)
    )
    zero = round(float(mean.mean()))
    pads = next((item.ints for item in conv.attribute if item.name == "pads"), ())
    weight = numpy_helper.to_array(held[conv.input[1]]).astype(np.float64)
    if (any(pads) and (np.abs(zero - mean) > BORDER * deviation).any()) or _groups(conv) != 1:
        return folded
    shift = (weight * (zero - mean) / deviation).sum(axis=(1, 2, 3))
    if len(conv.input) < 3:
        conv.input.append(f"{conv.input[1]}.bias")
        none = np.zeros(len(weight), np.float32)
        folded.graph.initializer.append(numpy_helper.from_array(none, conv.input[2]))
        held[conv.input[2]] = folded.graph.initializer[-1]
    _set(held[conv.input[1]], weight * LEVELS / deviation)
    _set(held[conv.input[2]], numpy_helper.to_array(held[conv.input[2]]) + shift)
    for node, value in ((subtract, zero), (divide, LEVELS)):
        name = f"{node.output[0]}_by"
        folded.graph.initializer.append(helper.make_tensor(name, 1, (), [float(value)]))
        node.input[1] = name
    _sweep(folded)
    return folded


def _before(node: Any, nodes: Any, kinds: tuple[str, ...]) -> list[Any] | None:
    """The nodes of these kinds that lead to `node`, nearest first, and to nothing else."""
    maker = {name: one for one in nodes for name in one.output}
    uses = Counter(name for one in nodes for name in one.input)
    chain: list[Any] = []
    for kind in kinds:
        name = (chain[-1] if chain else node).input[0]
        if name not in maker or maker[name].op_type != kind or uses[name] != 1:
            return None
        chain.append(maker[name])
    return chain


def _groups(conv: Any) -> int:
    return next((int(item.i) for item in conv.attribute if item.name == "group"), 1)


def _set(tensor: Any, value: np.ndarray) -> None:
    from onnx import numpy_helper

    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), tensor.name))


def take_pixels(proto: Any) -> None:
    """Let the 8-bit pixels be the first convolution's input, where `fold_normalisation` allows it.

    Cast, subtraction, division and quantisation of what was 8 bits before become nothing.
    """
    from onnx import helper

    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in list(proto.graph.node):
        chain = None
        if node.op_type == "DequantizeLinear":
            chain = _before(node, proto.graph.node, ("QuantizeLinear", "Div", "Sub", "Cast"))
        if chain is None:
            continue
        _, divide, subtract, cast = chain
        levels, zero = _scalar(held, divide.input[1]), _scalar(held, subtract.input[1])
        if levels != LEVELS or zero is None:
            continue
        scale, place = f"{cast.input[0]}_scale", f"{cast.input[0]}_zero_point"
        proto.graph.initializer.extend(
            [
                helper.make_tensor(scale, 1, (), [1 / LEVELS]),
                helper.make_tensor(place, 2, (), [int(zero)]),
            ]
        )
        del node.input[:]
        node.input.extend([cast.input[0], scale, place])
        for one in chain:
            proto.graph.node.remove(one)
        _sweep(proto)
        return


def _sweep(proto: Any) -> None:
    """Remove the constants that no node uses any more."""
    used = {name for node in proto.graph.node for name in node.input}
    for tensor in [one for one in proto.graph.initializer if one.name not in used]:
        proto.graph.initializer.remove(tensor)


def _scalar(held: dict[str, Any], name: str) -> float | None:
    from onnx import numpy_helper

    value = numpy_helper.to_array(held[name]) if name in held else np.zeros(2)
    return float(value) if value.ndim == 0 else None


def multiply_gelu(proto: Any) -> None:
    """Every GELU between 8-bit maps becomes their product with a sigmoid, all in 8 bits."""
    from onnx import helper

    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    maker = {name: node for node in proto.graph.node for name in node.output}
    users: dict[str, set[str]] = {}
    for node in proto.graph.node:
        for name in node.input:
            users.setdefault(name, set()).add(node.op_type)
    proto.graph.initializer.extend(
        [
            helper.make_tensor("share_scale", 1, (), [1 / LEVELS]),
            helper.make_tensor("share_zero_point", 2, (), [0]),
        ]
    )
    nodes: list[Any] = []
    for node in proto.graph.node:
        source = maker.get(node.input[0]) if node.op_type == "Gelu" else None
        if (
            source is None
            or source.op_type != "DequantizeLinear"
            or users.get(node.output[0]) != {"QuantizeLinear"}
        ):
            nodes.append(node)
            continue
        number, scale, place = source.input
        step = _scalar(held, scale)
        assert step is not None
        name = node.output[0]
        steep = helper.make_tensor(f"{name}_steep_scale", 1, (), [step * GELU_SLOPE])
        proto.graph.initializer.append(steep)
        share = ("share_scale", "share_zero_point")
        nodes += [
            helper.make_node("DequantizeLinear", [number, steep.name, place], [f"{name}_steep"]),
            helper.make_node("Sigmoid", [f"{name}_steep"], [f"{name}_share"]),
            helper.make_node("QuantizeLinear", [f"{name}_share", *share], [f"{name}_share_8"]),
            helper.make_node("DequantizeLinear", [f"{name}_share_8", *share], [f"{name}_part"]),
            helper.make_node("Mul", [node.input[0], f"{name}_part"], [name], f"{node.name}_mul"),
        ]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    _sweep(proto)
