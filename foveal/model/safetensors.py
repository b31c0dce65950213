"""The safetensors layout: eight bytes of length, a JSON header, the tensors' bytes; read strictly.

Knows nothing of networks or labels; it holds named arrays and texts.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from foveal.errors import ModelFileError

MAX_HEADER = 4 << 20
"""Bytes of header that are read; JSON this long costs at most some 100 MB and 0.3 s to parse."""
MAX_TENSORS = 20_000
MAX_VALUES = 400_000
"""Values in one JSON text, told by its commas."""
MAX_DEPTH = 64
"""Brackets inside brackets that are read, here and in the texts of the header."""

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor lies: dtype, shape, and its [start, stop) within the data, in bytes."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """Texts, tensors by name, and where the data starts and how long it is."""

    texts: Mapping[str, str]
    entries: Mapping[str, TensorEntry]
    offset: int
    length: int

    def table(self) -> bytes:
        """The tensors' places as one canonical text, to be sealed by a hash."""
        return _json({name: _entry_data(entry) for name, entry in self.entries.items()})


def lay_out(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, TensorEntry], bytes]:
    """Places and bytes of `tensors`; widest dtype first, then by name, so all are aligned."""
    entries: dict[str, TensorEntry] = {}
    chunks: list[bytes] = []
    position = 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name)):
        array = np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape)
        little = array.dtype.newbyteorder("<")
        assert little in _NAMES, f"{name} has dtype {array.dtype}, which the format does not hold"
        chunks.append(array.astype(little, copy=False).tobytes())
        entries[name] = TensorEntry(
            _NAMES[little], tuple(array.shape), position, position + len(chunks[-1])
        )
        position += len(chunks[-1])
    return entries, b"".join(chunks)


def encode(texts: Mapping[str, str], entries: Mapping[str, TensorEntry], data: bytes) -> bytes:
    """The whole file: the same values always give the same bytes."""
    body: dict[str, Any] = {name: _entry_data(entry) for name, entry in entries.items()}
    body["__metadata__"] = dict(texts)
    header = _json(body)
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER:
        raise ModelFileError(
            f"the model's description takes {len(header):,} bytes, but a model file holds at most "
            f"{MAX_HEADER:,}: use fewer or shorter class names"
        )
    return len(header).to_bytes(8, "little") + header + data


def read_header(file: BinaryIO, path: Path) -> Header:
    """The checked header of an open file; raises ModelFileError with what is wrong with it."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 10:
        raise ModelFileError(f"{path} is truncated: it holds only {size} bytes; copy it again")
    if length > MAX_HEADER:
        raise not_a_model_file(
            path, f"its header claims {length:,} bytes, at most {MAX_HEADER:,} are read"
        )
    if 8 + length > size:
        raise ModelFileError(
            f"{path} is truncated: its header needs {8 + length:,} bytes and the file has "
            f"{size:,}; copy it again"
        )
    text = file.read(length)
    if not text.startswith(b"{"):
        raise not_a_model_file(path, "its header is not a JSON object")
    body = read_json(text, path)
    texts = body.pop("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(value, str) for value in texts.values()):
        raise not_a_model_file(path, "its metadata is not a table of texts")
    if len(body) > MAX_TENSORS:
        raise not_a_model_file(
            path, f"it names {len(body):,} tensors, at most {MAX_TENSORS:,} are read"
        )
    if not all(map(is_text, body)):
        raise not_a_model_file(path, "a tensor's name is not valid text")
    entries = {name: _entry(name, value, path) for name, value in body.items()}
    return Header(texts, entries, 8 + length, _covered(entries, size - 8 - length, path))


def read_json(text: bytes, path: Path) -> dict[str, Any]:
    """A JSON object no deeper than MAX_DEPTH, without repeated keys or not-a-number."""
    bare = _STRING.sub(b"", text)
    if bare.count(b",") > MAX_VALUES:
        raise not_a_model_file(path, f"its header holds more than {MAX_VALUES:,} values")
    if _depth(bare) > MAX_DEPTH:
        raise not_a_model_file(path, f"its header nests more than {MAX_DEPTH} levels deep")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise not_a_model_file(path, "its header is not valid JSON") from error
    if not isinstance(value, dict):
        raise not_a_model_file(path, "its header is not a JSON object")
    return value


def tensors(header: Header, data: bytearray) -> dict[str, np.ndarray]:
    """Arrays that share `data`, in the header's shapes; writable."""
    return {
        name: np.frombuffer(
            data, _DTYPES[entry.dtype], math.prod(entry.shape), entry.start
        ).reshape(entry.shape)
        for name, entry in header.entries.items()
    }


def _covered(entries: Mapping[str, TensorEntry], available: int, path: Path) -> int:
    """The data's length, once the tensors cover it without a hole or an overlap."""
    position = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.stop)):
        if entry.start != position:
            raise not_a_model_file(path, "its tensors overlap or leave a hole")
        position = entry.stop
    if position > available:
        raise ModelFileError(
            f"{path} is truncated: its weights need {position:,} bytes and {available:,} are "
            "there; copy it again"
        )
    if position < available:
        raise not_a_model_file(path, f"{available - position:,} bytes follow its last tensor")
    return position


def _entry(name: str, value: Any, path: Path) -> TensorEntry:
    problem = not_a_model_file(
        path, f"its tensor {name[:80]!r} has no valid dtype, shape and place"
    )
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise problem
    shape, offsets = value["shape"], value["data_offsets"]
    if not (_naturals(shape) and len(shape) <= 8 and _naturals(offsets) and len(offsets) == 2):
        raise problem
    dtype = _DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise problem
    return TensorEntry(value["dtype"], tuple(shape), offsets[0], offsets[1])


def is_text(name: str) -> bool:
    """Whether it can be printed: no half of a surrogate pair."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < 1 << 48 for number in value
    )


def _entry_data(entry: TensorEntry) -> dict[str, Any]:
    return {
        "data_offsets": [entry.start, entry.stop],
        "dtype": entry.dtype,
        "shape": list(entry.shape),
    }


def _json(value: Any) -> bytes:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _depth(text: bytes) -> int:
    """Deepest nesting of brackets of JSON without its strings."""
    codes = np.frombuffer(text, dtype=np.uint8)
    opened = (codes == ord("[")) | (codes == ord("{"))
    closed = (codes == ord("]")) | (codes == ord("}"))
    return int(np.cumsum(opened.astype(np.int32) - closed, dtype=np.int32).max(initial=0))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key comes twice")
    return value


def _refuse(_constant: str) -> Any:
    raise ValueError("not a number")


def not_a_model_file(path: Path, why: str) -> ModelFileError:
    """The error for a file whose bytes are not those of a model file."""
    return ModelFileError(f"{path} is not a model file of Foveal or is damaged: {why}")
