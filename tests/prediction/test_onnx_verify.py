"""Hostile exported files are rejected before a runtime reads them."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from foveal.errors import ModelFileError
from foveal.exporting.seal import seal_graph
from foveal.model.manifest import Manifest
from foveal.prediction import onnx_verify
from foveal.prediction.predictor import Predictor


@pytest.fixture
def graph(exported: Path) -> onnx.ModelProto:
    """The exported graph without metadata, to be spoiled."""
    proto = onnx.load(exported)
    del proto.metadata_props[:]
    return proto


@pytest.fixture(scope="module")
def manifest(native: Path) -> Manifest:
    return Predictor(native).manifest


def refusal(proto: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> str:
    path = tmp_path / "m.onnx"
    path.write_bytes(seal_graph(proto.SerializeToString(), manifest))
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(str(path), "FILE")


def test_the_walker_reads_what_onnx_reads(exported: Path) -> None:
    proto = onnx.load(exported)
    texts = onnx_verify.read_metadata(exported.read_bytes(), exported)
    assert texts == {item.key: item.value for item in proto.metadata_props}
    onnx.checker.check_model(proto, full_check=True)


def test_external_data(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(os.urandom(4096))
    tensor = graph.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    assert refusal(graph, manifest, tmp_path) == (
        "FILE was rejected: its weights are in another file; export the model again"
    )


def test_external_data_in_an_attribute(
    graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path
) -> None:
    tensor = TensorProto(data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    graph.graph.node.insert(0, node)
    assert "its weights are in another file" in refusal(graph, manifest, tmp_path)


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "evil", "ai.onnx\x00x"])
def test_foreign_operators(
    graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path, domain: str
) -> None:
    graph.graph.node[0].domain = domain
    assert refusal(graph, manifest, tmp_path) == (
        f"FILE was rejected: it uses operators of {domain!r}; only standard ones are supported; "
        "export the model again"
    )


def test_foreign_operator_sets(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    graph.opset_import.add(domain="com.microsoft", version=1)
    assert "it uses operators of 'com.microsoft'" in refusal(graph, manifest, tmp_path)


def test_graphs_inside(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    inner = helper.make_graph([], "inner", [], [])
    graph.graph.node.append(
        helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    )
    assert "it contains a graph inside an operator" in refusal(graph, manifest, tmp_path)


def test_functions(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    opset = [helper.make_opsetid("", 18)]
    graph.functions.append(helper.make_function("", "F", ["x"], ["y"], [], opset))
    assert "it contains functions or training graphs" in refusal(graph, manifest, tmp_path)


@pytest.mark.parametrize("place", ["file", "metadata", "node", "attribute"])
def test_millions_of_small_fields(exported: Path, tmp_path: Path, place: str) -> None:
    def inside(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2]) + onnx_verify._encode_varint(len(content)) + content

    number = 5 if place == "file" else 8  # field 5 of a file: its version
    content = bytes([number << 3, 1]) * 1_000_000
    if place == "metadata":
        content = inside(14, content)
    if place == "attribute":
        content = inside(5, content)
    if place in ("node", "attribute"):
        content = inside(7, inside(1, content))
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.read_bytes() + content)
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value) == (
        f"{path} was rejected: it has more than 250,000 fields; export the model again"
    )


def test_a_file_larger_than_any_onnx_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x08")
        file.truncate(1 << 40)
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value) == (
        f"{path} is not an ONNX file or is damaged: it has 1,099,511,627,776 bytes, such files "
        "have fewer than 2,147,483,648; export the model again"
    )


def test_a_graph_that_does_not_run(
    graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path
) -> None:
    size = manifest.network.input.model_copy(update={"height": 30})
    network = manifest.network.model_copy(update={"input": size})
    path = tmp_path / "m.onnx"
    other = manifest.model_copy(update={"network": network})
    path.write_bytes(seal_graph(graph.SerializeToString(), other))
    with pytest.raises(ModelFileError) as caught:
        list(Predictor(path).predict(np.zeros((9, 9), np.uint8)))
    assert str(caught.value).startswith(f"{path} cannot be run: [ONNXRuntimeError]")
    assert str(caught.value).endswith("; export the model again")


def test_a_cycle(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    node = graph.graph.node[-1]
    graph.graph.node[0].input[0] = node.output[0]
    assert refusal(graph, manifest, tmp_path).startswith("FILE cannot be run: ")


def test_a_graph_that_unfolds_gigabytes(
    graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path
) -> None:
    """Loading computes nothing, so it costs nothing."""
    size = helper.make_tensor("size", TensorProto.INT64, [2], [1 << 16, 1 << 16])
    graph.graph.initializer.append(size)
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    graph.graph.initializer.append(zero)
    graph.graph.node.append(helper.make_node("Expand", ["zero", "size"], ["large"]))
    graph.graph.node.append(helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0))
    last = graph.graph.node[-3]
    graph.graph.node.append(helper.make_node("Add", [last.output[0], "sum"], ["unused"]))
    path = tmp_path / "m.onnx"
    path.write_bytes(seal_graph(graph.SerializeToString(), manifest))
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again at what is held now
    before = _peak_kilobytes()
    Predictor(path)
    assert _peak_kilobytes() - before < 200 * 1024


def _peak_kilobytes() -> int:
    line = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert line
    return int(line[1])


def test_outputs_that_are_not_ours(
    graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path
) -> None:
    other = manifest.model_copy(update={"labels": ("a", "b", "c")})
    assert refusal(graph, other, tmp_path) == (
        "FILE is damaged: the inputs and outputs of its graph do not match its manifest; "
        "export the model again"
    )


def test_names_that_are_no_text(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    for item in (*graph.graph.input, *graph.graph.output):
        item.type.tensor_type.shape.dim[0].dim_param = "batchX"
    content = graph.SerializeToString().replace(b"batchX", b"batch\x80")
    path = tmp_path / "m.onnx"
    path.write_bytes(seal_graph(content, manifest))
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value) == (
        f"{path} is damaged: the inputs and outputs of its graph do not match its manifest; "
        "export the model again"
    )


def test_onnx_files_of_others(graph: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value) == (
        f"{path} was not written by `foveal export`: it has no manifest with the "
        "preprocessing and labels; export a model.safetensors"
    )


def test_a_seal_that_is_missing(graph: onnx.ModelProto, manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(
        graph.SerializeToString() + onnx_verify.encode_metadata("foveal", manifest.to_json())
    )
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value) == (
        f"{path} was rejected: its SHA-256 is missing; export the model again"
    )


def test_every_altered_byte_is_found(exported: Path, tmp_path: Path) -> None:
    content = exported.read_bytes()
    random = np.random.default_rng(0)
    path = tmp_path / "m.onnx"
    for place in random.choice(len(content) - 64, 300, replace=False):
        changed = bytearray(content)
        changed[place] ^= 1 << int(random.integers(8))
        with pytest.raises(ModelFileError):
            onnx_verify.read_metadata(bytes(changed), path)


def test_every_truncation_is_found(exported: Path, tmp_path: Path) -> None:
    content = exported.read_bytes()
    for length in range(1, len(content), 97):
        with pytest.raises(ModelFileError):
            onnx_verify.read_metadata(content[:length], tmp_path)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=200), framed=st.booleans())
def test_any_bytes_are_answered(tmp_path: Path, content: bytes, framed: bool) -> None:
    if framed:  # inside a graph, inside a node
        inner = b"\x0a" + struct.pack("B", min(len(content), 127)) + content[:127]
        content = b"\x3a" + struct.pack("B", min(len(inner), 127)) + inner[:127]
    with pytest.raises(ModelFileError) as caught:
        onnx_verify.read_metadata(content, tmp_path)
    assert "\n" not in str(caught.value)
