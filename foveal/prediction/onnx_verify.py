"""Verifies the bytes of an exported file without the onnx package, field by field of onnx.proto3.

Only a single, unmodified file of standard operators passes; its graph is not checked or run here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foveal.errors import ModelFileError

MAX_FIELDS = 250_000
"""Fields that are read, some 0.5 s: a ResNet-50 in int8 has 5,603."""
SEAL_KEY = "foveal_seal"
"""Metadata key of the SHA-256 over every other byte of the file."""
METADATA_FIELD = 14
"""Field number of ModelProto.metadata_props."""
_STANDARD_DOMAINS = ("", "ai.onnx")
Buffer = memoryview


@dataclass(frozen=True)
class WireField:
    """One field of a message: its number, its value, and all its bytes, key included."""

    number: int
    value: int | Buffer
    raw: Buffer


class MalformedProtobuf(ValueError):
    """The bytes are not a protobuf message."""


def read_metadata(content: bytes, path: Path) -> dict[str, str]:
    """The metadata of a verified exported file; raises ModelFileError where it does not pass.

    Rejected: bytes that are not ONNX, a wrong SHA-256, external data, non-standard operators,
    functions, subgraphs, training graphs, sparse weights, and more than MAX_FIELDS fields.
    """
    try:
        metadata = _Verifier().verify(Buffer(content))
    except UnsupportedGraph as error:
        raise ModelFileError(f"{path} was rejected: {error}; export the model again") from error
    except (MalformedProtobuf, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{path} is not an ONNX file or is damaged: {error}; export the model again"
        ) from error
    if "foveal" not in metadata:
        raise ModelFileError(
            f"{path} was not written by `foveal export`: it has no manifest with the preprocessing "
            "and labels; export a model.safetensors"
        )
    return metadata


def content_sha256(content: bytes) -> str:
    """SHA-256 of all fields of an ONNX file but the entry SEAL_KEY itself."""
    digest = hashlib.sha256()
    for field in iter_fields(Buffer(content)):
        if (
            field.number != METADATA_FIELD
            or _key_and_value(iter_fields(_submessage(field)))[0] != SEAL_KEY
        ):
            digest.update(field.raw)
    return digest.hexdigest()


def encode_metadata(key: str, value: str) -> bytes:
    """The bytes of one metadata entry, to be appended to a file."""
    body = b"".join(
        bytes([number << 3 | 2]) + _encode_varint(len(text)) + text
        for number, text in ((1, key.encode()), (2, value.encode()))
    )
    return bytes([METADATA_FIELD << 3 | 2]) + _encode_varint(len(body)) + body


def iter_fields(message: Buffer) -> Iterator[WireField]:
    """The fields of a message in order; raises MalformedProtobuf."""
    position = 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        wire, number = key & 7, key >> 3
        value: int | Buffer
        if number == 0:
            raise MalformedProtobuf("a field has number 0")
        if wire == 0:
            value, position = _read_varint(message, position)
        else:
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                if wire != 2:
                    raise MalformedProtobuf("a field has an unknown wire type")
                length, position = _read_varint(message, position)
            if position + length > len(message):
                raise MalformedProtobuf("it ends inside a field")
            value = message[position : position + length]
            position += length
        yield WireField(number, value, message[start:position])


class UnsupportedGraph(ValueError):
    """Valid ONNX that Foveal does not run."""


class _Verifier:
    """One pass over a file; the number of fields it reads is limited."""

    def __init__(self) -> None:
        self._fields_left = MAX_FIELDS

    def _fields(self, message: Buffer) -> Iterator[WireField]:
        for field in iter_fields(message):
            self._fields_left -= 1
            if self._fields_left < 0:
                raise UnsupportedGraph(f"it has more than {MAX_FIELDS:,} fields")
            yield field

    def verify(self, content: Buffer) -> dict[str, str]:
        """The metadata; raises UnsupportedGraph or MalformedProtobuf."""
        metadata: dict[str, str] = {}
        graphs, digest = 0, hashlib.sha256()
        for field in self._fields(content):
            if field.number == METADATA_FIELD:
                key, value = _key_and_value(self._fields(_submessage(field)))
                if key in metadata:
                    raise UnsupportedGraph(f"its metadata has {key[:80]!r} twice")
                metadata[key] = value
                if key == SEAL_KEY:
                    continue
            digest.update(field.raw)
            if field.number == 7:
                graphs += 1
                self._verify_graph(_submessage(field))
            elif field.number == 8:
                for inner in self._fields(_submessage(field)):
                    if inner.number == 1:
                        _check_domain(inner)
            elif field.number in (20, 25):
                raise UnsupportedGraph("it contains functions or training graphs")
        if not graphs:
            raise MalformedProtobuf("it has no graph")
        if SEAL_KEY in metadata and metadata[SEAL_KEY] != digest.hexdigest():
            raise UnsupportedGraph("it was modified or damaged: its SHA-256 does not match")
        if "foveal" in metadata and SEAL_KEY not in metadata:
            raise UnsupportedGraph("its SHA-256 is missing")
        return metadata

    def _verify_graph(self, graph: Buffer) -> None:
        for field in self._fields(graph):
            if field.number == 1:
                self._verify_node(_submessage(field))
            elif field.number == 5:
                self._verify_tensor(_submessage(field))
            elif field.number == 15:
                raise UnsupportedGraph("it contains sparse weights")

    def _verify_node(self, node: Buffer) -> None:
        for field in self._fields(node):
            if field.number == 5:
                self._verify_attribute(_submessage(field))
            elif field.number == 7:
                _check_domain(field)

    def _verify_attribute(self, attribute: Buffer) -> None:
        for inner in self._fields(attribute):
            if inner.number in (6, 11):
                raise UnsupportedGraph("it contains a graph inside an operator")
            if inner.number in (22, 23):
                raise UnsupportedGraph("it contains sparse weights")
            if inner.number in (5, 10):
                self._verify_tensor(_submessage(inner))

    def _verify_tensor(self, tensor: Buffer) -> None:
        for field in self._fields(tensor):
            if field.number == 13 or (field.number == 14 and field.value != 0):
                raise UnsupportedGraph("its weights are in another file")


def _check_domain(field: WireField) -> None:
    domain = bytes(_submessage(field)).decode()
    if domain not in _STANDARD_DOMAINS:
        raise UnsupportedGraph(
            f"it uses operators of {domain[:80]!r}; only standard ones are supported"
        )


def _key_and_value(entry: Iterable[WireField]) -> tuple[str, str]:
    values = {1: "", 2: ""}
    for field in entry:
        if field.number in values:
            values[field.number] = bytes(_submessage(field)).decode()
    return values[1], values[2]


def _submessage(field: WireField) -> Buffer:
    if isinstance(field.value, int):
        raise MalformedProtobuf("a number is in the place of a message")
    return field.value


def _read_varint(message: Buffer, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message):
            raise MalformedProtobuf("it ends inside a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift > 63:
            raise MalformedProtobuf("a number is too long")


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
