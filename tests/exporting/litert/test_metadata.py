"""TFLite metadata, read back field by field with flatbuffers alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flatbuffers
import pytest
from flatbuffers import number_types
from flatbuffers.table import Table

from foveal.exporting.litert.metadata import _move_inside, add_metadata, model_metadata
from foveal.model.model import Model


def root(content: bytes) -> Table:
    return Table(
        content, flatbuffers.encode.Get(number_types.UOffsetTFlags.packer_type, content, 0)
    )


def at(table: Table, field: int) -> int:
    """Position of a field; the field must be there."""
    offset = table.Offset(4 + 2 * field)
    assert offset, f"field {field} is missing"
    return offset + table.Pos


def child(table: Table, field: int) -> Table:
    return Table(table.Bytes, table.Indirect(at(table, field)))


def items(table: Table, field: int) -> list[Table]:
    start = table.Vector(at(table, field) - table.Pos)
    count = table.VectorLen(at(table, field) - table.Pos)
    return [Table(table.Bytes, table.Indirect(start + 4 * index)) for index in range(count)]


def text(table: Table, field: int) -> str:
    return table.String(at(table, field)).decode()


def number(table: Table, field: int, flags: Any) -> float:
    return table.Get(flags, at(table, field))


def numbers(table: Table, field: int) -> list[float]:
    start = table.Vector(at(table, field) - table.Pos)
    count = table.VectorLen(at(table, field) - table.Pos)
    flags = number_types.Float32Flags
    return [table.Get(flags, start + 4 * index) for index in range(count)]


def test_what_readers_of_the_metadata_find(model: Model) -> None:
    content = model_metadata(model.manifest)
    assert content[4:8] == b"M001"
    metadata = root(content)
    assert text(metadata, 0) == "Foveal image classifier"
    assert text(metadata, 1).startswith(
        "Classifies images of 3 classes. Pixels are uint8 of 0..255"
    )
    assert text(metadata, 5) == "weights: MIT"
    assert [text(file, 0) for file in items(metadata, 6)] == ["foveal.json"]
    [subgraph] = items(metadata, 3)
    [image], [scores] = items(subgraph, 2), items(subgraph, 3)
    assert (text(image, 0), text(scores, 0)) == ("pixels", "probabilities")
    [labels] = items(scores, 6)
    assert text(labels, 0) == "labels.txt"
    assert number(labels, 2, number_types.Int8Flags) == 2  # TENSOR_AXIS_LABELS
    properties = child(child(image, 3), 1)
    assert number(child(image, 3), 0, number_types.Uint8Flags) == 2  # ImageProperties
    assert number(properties, 0, number_types.Int8Flags) == 1  # RGB
    size = child(properties, 1)
    assert number(size, 0, number_types.Uint32Flags) == 10
    assert number(size, 1, number_types.Uint32Flags) == 12
    [unit] = items(image, 4)
    assert number(unit, 0, number_types.Uint8Flags) == 1  # NormalizationOptions
    assert (numbers(child(unit, 1), 0), numbers(child(unit, 1), 1)) == ([0.0], [1.0])
    assert (numbers(child(image, 5), 0), numbers(child(image, 5), 1)) == ([255.0], [0.0])


def test_constants_behind_the_flatbuffer_move_inside() -> None:
    model = bytes(range(100))
    constant = SimpleNamespace(data=None, offset=40, size=10)
    _move_inside(constant, model)
    assert (bytes(constant.data), constant.offset, constant.size) == (model[40:50], 0, 0)
    inside = SimpleNamespace(data=[1], offset=0, size=0)
    _move_inside(inside, model)
    assert inside.data == [1]


def test_a_model_with_metadata_runs_the_same(model: Model) -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert import schema_py_generated as schema

    content = (Path(__file__).parents[2] / "data" / "litert" / "model.tflite").read_bytes()
    before = schema.ModelT.InitFromPackedBuf(content, 0)
    again = add_metadata(content[: content.index(b"PK\x03\x04")], model.manifest)
    after = schema.ModelT.InitFromPackedBuf(again, 0)
    names = [entry.name for entry in after.metadata]
    assert names[-1] == b"TFLITE_METADATA"
    assert bytes(after.buffers[after.metadata[-1].buffer].data) == model_metadata(model.manifest)
    assert len(after.subgraphs[0].operators) == len(before.subgraphs[0].operators)
    assert again[4:8] == b"TFL3"
