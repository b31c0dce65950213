"""Reads and checks an exported file's bytes without the onnx package: single file, standard only.

Knows nothing of runtimes or images; it walks the protobuf wire format of onnx.proto3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foveal.errors import ModelFileError

MAX_BYTES = 2**31
"""Protobuf messages are smaller, so nothing larger is read."""
MAX_FIELDS = 250_000
"""Fields that are looked at, some 0.5 s: a ResNet-50 in int8 has 5,603."""
SEAL = "foveal_seal"
"""Metadata key of the SHA-256 over every other byte of the file."""
_STANDARD = ("", "ai.onnx")
Bytes = memoryview


@dataclass(frozen=True)
class WireField:
    """One field of a message: its number, its value, and all its bytes, key included."""

    number: int
    value: int | Bytes
    raw: Bytes


class Malformed(ValueError):
    """The bytes are not a protobuf message."""


def metadata(content: bytes, path: Path) -> dict[str, str]:
    """The checked texts of the file; raises ModelFileError on anything but plain, whole ONNX.

    Refused: bytes that are not ONNX, a wrong seal, external data, other than the standard
    operators, functions, subgraphs, training graphs, and more than MAX_FIELDS fields.
    """
    try:
        texts = _Walk().checked(Bytes(content))
    except Refused as error:
        raise ModelFileError(f"{path} was refused: {error}; export the model again") from error
    except (Malformed, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{path} is not an ONNX file or is damaged: {error}; export the model again"
        ) from error
    if "foveal" not in texts:
        raise ModelFileError(
            f"{path} was not written by `foveal export`: it holds no description of how images "
            "are prepared; export a model.safetensors"
        )
    return texts


def seal(content: bytes) -> str:
    """SHA-256 of all fields of an ONNX file but the seal itself."""
    digest = hashlib.sha256()
    for field in fields(Bytes(content)):
        if field.number != 14 or _pair(fields(_message(field)))[0] != SEAL:
            digest.update(field.raw)
    return digest.hexdigest()


def entry(key: str, value: str) -> bytes:
    """The bytes of one metadata entry, to be appended to a file."""
    body = b"".join(
        bytes([number << 3 | 2]) + _varint_bytes(len(text)) + text
        for number, text in ((1, key.encode()), (2, value.encode()))
    )
    return bytes([14 << 3 | 2]) + _varint_bytes(len(body)) + body


def fields(message: Bytes) -> Iterator[WireField]:
    """The fields of a message in order; raises Malformed."""
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        wire, number = key & 7, key >> 3
        value: int | Bytes
        if number == 0:
            raise Malformed("a field has number 0")
        if wire == 0:
            value, position = _varint(message, position)
        else:
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                if wire != 2:
                    raise Malformed("a field has a type that is not in use")
                length, position = _varint(message, position)
            if position + length > len(message):
                raise Malformed("it ends in the middle of a field")
            value = message[position : position + length]
            position += length
        yield WireField(number, value, message[start:position])


class Refused(ValueError):
    """Valid ONNX that Foveal does not run."""


class _Walk:
    """One way through a file; refuses it where it has too many fields to look at."""

    def __init__(self) -> None:
        self._left = MAX_FIELDS

    def _fields(self, message: Bytes) -> Iterator[WireField]:
        for field in fields(message):
            self._left -= 1
            if self._left < 0:
                raise Refused(f"it has more than {MAX_FIELDS:,} fields")
            yield field

    def checked(self, content: Bytes) -> dict[str, str]:
        """The texts of the metadata; raises Refused or Malformed."""
        texts: dict[str, str] = {}
        graphs, digest = 0, hashlib.sha256()
        for field in self._fields(content):
            if field.number == 14:
                key, value = _pair(self._fields(_message(field)))
                if key in texts:
                    raise Refused(f"its metadata has {key[:80]!r} twice")
                texts[key] = value
                if key == SEAL:
                    continue
            digest.update(field.raw)
            if field.number == 7:
                graphs += 1
                self._graph(_message(field))
            elif field.number == 8:
                for part in self._fields(_message(field)):
                    if part.number == 1:
                        _check_domain(part)
            elif field.number in (20, 25):
                raise Refused("it brings functions or training graphs of its own")
        if not graphs:
            raise Malformed("it holds no graph")
        if SEAL in texts and texts[SEAL] != digest.hexdigest():
            raise Refused("it was altered or damaged, its SHA-256 is not the one written in it")
        if "foveal" in texts and SEAL not in texts:
            raise Refused("its SHA-256 is missing")
        return texts

    def _graph(self, graph: Bytes) -> None:
        for field in self._fields(graph):
            if field.number == 1:
                self._node(_message(field))
            elif field.number == 5:
                self._tensor(_message(field))
            elif field.number == 15:
                raise Refused("it holds sparse weights")

    def _node(self, node: Bytes) -> None:
        for field in self._fields(node):
            if field.number == 5:
                self._attribute(_message(field))
            elif field.number == 7:
                _check_domain(field)

    def _attribute(self, attribute: Bytes) -> None:
        for part in self._fields(attribute):
            if part.number in (6, 11):
                raise Refused("it holds a graph inside an operator")
            if part.number in (22, 23):
                raise Refused("it holds sparse weights")
            if part.number in (5, 10):
                self._tensor(_message(part))

    def _tensor(self, tensor: Bytes) -> None:
        for field in self._fields(tensor):
            if field.number == 13 or (field.number == 14 and field.value != 0):
                raise Refused("its weights lie in another file")


def _check_domain(field: WireField) -> None:
    domain = bytes(_message(field)).decode()
    if domain not in _STANDARD:
        raise Refused(f"it needs operators of {domain[:80]!r}, only standard ones are run")


def _pair(entry: Iterable[WireField]) -> tuple[str, str]:
    parts = {1: "", 2: ""}
    for field in entry:
        if field.number in parts:
            parts[field.number] = bytes(_message(field)).decode()
    return parts[1], parts[2]


def _message(field: WireField) -> Bytes:
    if isinstance(field.value, int):
        raise Malformed("a number stands where a message belongs")
    return field.value


def _varint(message: Bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message):
            raise Malformed("it ends in the middle of a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift > 63:
            raise Malformed("a number is too long")


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
