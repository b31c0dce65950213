"""Finds and changes the parts of an onnx.ModelProto: constants, and the nodes before and after."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np


def initializers(proto: Any) -> dict[str, Any]:
    """The constant tensors of the graph by name."""
    return {tensor.name: tensor for tensor in proto.graph.initializer}


def producers(proto: Any) -> dict[str, Any]:
    """The node that gives each tensor, by the tensor's name."""
    return {name: node for node in proto.graph.node for name in node.output}


def consumers(proto: Any) -> dict[str, set[str]]:
    """The kinds of nodes that read each tensor, by the tensor's name."""
    found: dict[str, set[str]] = {}
    for node in proto.graph.node:
        for name in node.input:
            found.setdefault(name, set()).add(node.op_type)
    return found


def producer_chain(proto: Any, node: Any, kinds: tuple[str, ...]) -> list[Any] | None:
    """The chain of nodes of these kinds that leads to `node` alone, nearest first, or None."""
    producer = producers(proto)
    uses = Counter(name for other in proto.graph.node for name in other.input)
    chain: list[Any] = []
    for kind in kinds:
        name = (chain[-1] if chain else node).input[0]
        if name not in producer or producer[name].op_type != kind or uses[name] != 1:
            return None
        chain.append(producer[name])
    return chain


def scalar_value(constants: dict[str, Any], name: str) -> float | None:
    """The value of a constant without axes; None where there is none of that name."""
    from onnx import numpy_helper

    value = numpy_helper.to_array(constants[name]) if name in constants else np.zeros(2)
    return float(value) if value.ndim == 0 else None


def set_value(tensor: Any, value: np.ndarray) -> None:
    """Give a constant another value, and its shape and dtype."""
    from onnx import numpy_helper

    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def set_nodes(proto: Any, nodes: list[Any]) -> None:
    """Replace the graph's nodes and remove the constants that none of them reads."""
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    remove_unused_initializers(proto)


def remove_unused_initializers(proto: Any) -> None:
    """Remove the constants that no node reads."""
    used = {name for node in proto.graph.node for name in node.input}
    for tensor in [item for item in proto.graph.initializer if item.name not in used]:
        proto.graph.initializer.remove(tensor)
