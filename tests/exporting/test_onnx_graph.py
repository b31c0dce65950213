"""The parts of a small graph, as they can be read off it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from foveal.exporting.onnx_graph import (
    consumers,
    initializers,
    producer_chain,
    producers,
    scalar_value,
    set_nodes,
    set_value,
)


@pytest.fixture
def proto():
    """y = relu((x - one) * row); z = abs(y)."""
    nodes = [
        helper.make_node("Sub", ["x", "one"], ["a"], "sub"),
        helper.make_node("Mul", ["a", "row"], ["b"], "mul"),
        helper.make_node("Relu", ["b"], ["y"], "relu"),
        helper.make_node("Abs", ["y"], ["z"], "abs"),
    ]
    constants = [
        numpy_helper.from_array(np.array(1, np.float32), "one"),
        numpy_helper.from_array(np.array([2, 3], np.float32), "row"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xyz"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    model = helper.make_model(graph)
    checker.check_model(model)
    return model


def test_constants_and_the_nodes_around_a_tensor(proto) -> None:
    assert list(initializers(proto)) == ["one", "row"]
    assert {name: node.name for name, node in producers(proto).items()} == {
        "a": "sub",
        "b": "mul",
        "y": "relu",
        "z": "abs",
    }
    assert consumers(proto) == {
        "x": {"Sub"},
        "one": {"Sub"},
        "a": {"Mul"},
        "row": {"Mul"},
        "b": {"Relu"},
        "y": {"Abs"},
    }


def test_the_chain_before_a_node(proto) -> None:
    relu, last = proto.graph.node[2:]
    chain = producer_chain(proto, relu, ("Mul", "Sub"))
    assert [node.name for node in chain] == ["mul", "sub"]
    assert producer_chain(proto, relu, ("Mul", "Add")) is None
    assert producer_chain(proto, relu, ("Mul", "Sub", "Cast")) is None  # x has no producer
    assert [node.name for node in producer_chain(proto, last, ("Relu",))] == ["relu"]
    proto.graph.node.append(helper.make_node("Neg", ["b"], ["c"], "neg"))
    assert producer_chain(proto, relu, ("Mul",)) is None  # another node reads it too


def test_values(proto) -> None:
    constants = initializers(proto)
    values = [scalar_value(constants, name) for name in ("one", "row", "none")]
    assert values == [1.0, None, None]
    set_value(constants["one"], np.array([[7]], np.int8))
    changed = numpy_helper.to_array(initializers(proto)["one"])
    assert (changed.tolist(), changed.dtype) == ([[7]], np.int8)


def test_constants_that_no_node_reads_go_with_the_nodes(proto) -> None:
    set_nodes(proto, [proto.graph.node[0]])
    assert [node.name for node in proto.graph.node] == ["sub"]
    assert list(initializers(proto)) == ["one"]
