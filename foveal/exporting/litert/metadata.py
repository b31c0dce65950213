"""Puts TFLite metadata into a LiteRT flatbuffer: what the input is, and which file has the labels.

The metadata is a flatbuffer of its own (metadata_schema.fbs, identifier M001) in a buffer of the
model.  Fields are written by their number in that schema.  It runs in the process of `process.py`.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

from foveal import __version__
from foveal.exporting.litert.convert import INPUT_NAME, OUTPUT_NAME
from foveal.model.manifest import Manifest
from foveal.prediction.litert_verify import IDENTIFIER, LABELS_FILE, MANIFEST_FILE

METADATA_NAME = "TFLITE_METADATA"
METADATA_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.0.0"
_DESCRIPTION_FILE, _AXIS_LABELS_FILE = 1, 2
_RGB, _GRAYSCALE = 1, 2
_IMAGE_PROPERTIES, _NORMALIZATION = 2, 1


def add_metadata(model: bytes, manifest: Manifest) -> bytes:
    """The flatbuffer with its metadata instead of any it had under that name."""
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromPackedBuf(model, 0)
    for constant in content.buffers:
        _move_inside(constant, model)
    buffer = schema.BufferT()
    buffer.data = list(model_metadata(manifest))
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(content.buffers)
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or ()), entry]
    content.description = f"foveal {__version__}"
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(content.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _move_inside(constant: Any, model: bytes) -> None:
    """Large models have constants behind the flatbuffer, at offsets that change with its length."""
    if constant.offset > 1:
        end = constant.offset + constant.size
        constant.data = np.frombuffer(model[constant.offset : end], np.uint8)
        constant.offset = constant.size = 0


def model_metadata(manifest: Manifest) -> bytes:
    """The ModelMetadata flatbuffer."""
    builder = flatbuffers.Builder(1024)
    inputs, outputs = [_input(builder, manifest)], [_output(builder)]
    subgraph = _table(builder, {2: _vector(builder, inputs), 3: _vector(builder, outputs)})
    files = [_file(builder, MANIFEST_FILE, "All Foveal knows of the model", _DESCRIPTION_FILE)]
    fields = {
        0: builder.CreateString("Foveal image classifier"),
        1: builder.CreateString(_description(manifest)),
        3: _vector(builder, [subgraph]),
        6: _vector(builder, files),
        7: builder.CreateString(_MIN_PARSER_VERSION),
    }
    if licence := manifest.weights.get("licence"):
        fields[5] = builder.CreateString(f"weights: {licence}")
    builder.Finish(_table(builder, fields), file_identifier=METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _description(manifest: Manifest) -> str:
    network = manifest.network
    height, width, channels = network.input.shape
    return (
        f"Classifies images of {len(manifest.labels)} classes. Pixels are uint8 of 0..255, "
        f"{height} x {width} x {channels} (fit: {network.preprocess.fit}), not normalised: the "
        "graph normalises them, averages over the flipped image where the model does, and returns "
        "calibrated probabilities."
    )


def _input(builder: Any, manifest: Manifest) -> int:
    shape = manifest.network.input
    size = _table(builder, {}, {0: ("Uint32", shape.width), 1: ("Uint32", shape.height)})
    color = _RGB if shape.channels == 3 else _GRAYSCALE
    image = _table(builder, {1: size}, {0: ("Int8", color)})
    content = _table(builder, {1: image}, {0: ("Uint8", _IMAGE_PROPERTIES)})
    identity = _table(builder, {0: _floats(builder, 0.0), 1: _floats(builder, 1.0)})
    unit = _table(builder, {1: identity}, {0: ("Uint8", _NORMALIZATION)})
    stats = _table(builder, {0: _floats(builder, 255.0), 1: _floats(builder, 0.0)})
    fields = {
        0: builder.CreateString(INPUT_NAME),
        1: builder.CreateString("The image, fitted to the input size; levels 0..255"),
        3: content,
        4: _vector(builder, [unit]),
        5: stats,
    }
    return _table(builder, fields)


def _output(builder: Any) -> int:
    content = _table(builder, {1: _table(builder, {})}, {0: ("Uint8", 1)})
    stats = _table(builder, {0: _floats(builder, 1.0), 1: _floats(builder, 0.0)})
    labels = _file(builder, LABELS_FILE, "Class names, one a line", _AXIS_LABELS_FILE)
    fields = {
        0: builder.CreateString(OUTPUT_NAME),
        1: builder.CreateString("Calibrated probability of each class, 0..1"),
        3: content,
        5: stats,
        6: _vector(builder, [labels]),
    }
    return _table(builder, fields)


def _file(builder: Any, name: str, description: str, kind: int) -> int:
    fields = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    return _table(builder, fields, {2: ("Int8", kind)})


def _table(
    builder: Any, offsets: dict[int, int], scalars: dict[int, tuple[str, int]] | None = None
) -> int:
    """A table of finished objects and of numbers, by field number; its offset."""
    builder.StartObject(10)
    for field, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, (kind, value) in (scalars or {}).items():
        getattr(builder, f"Prepend{kind}Slot")(field, value, 0)
    return int(builder.EndObject())


def _vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: Any, value: float) -> int:
    builder.StartVector(4, 1, 4)
    builder.PrependFloat32(value)
    return int(builder.EndVector())
