"""Reads and writes the safetensors format strictly: header length, JSON header, tensor bytes."""

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

MAX_HEADER_BYTES = 4 << 20
"""Bytes of header that are read; JSON this long costs at most some 100 MB and 0.3 s to parse."""
MAX_TENSORS = 20_000
MAX_JSON_VALUES = 400_000
"""Values in one JSON text, counted by its commas."""
MAX_DATA_BYTES = 1 << 32
"""Of all tensors: twice those of the largest network."""
MAX_JSON_DEPTH = 64
"""Nesting of brackets, in the header and in the JSON of its metadata."""

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
_JSON_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
BF16 = "BF16"
"""The upper halves of float32 numbers; NumPy has no such type, so they are read as float32."""
_READ_DTYPES = _DTYPES | {BF16: np.dtype("<u2")}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


class InvalidFileError(ModelFileError):
    """A file whose bytes are not those of a safetensors file; `reason` says why, without path."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{path} is not a model file of Foveal or is damaged: {reason}")


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of the header: dtype, shape, and its bytes [start, stop) within the data."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """Metadata, tensors by name, and the length of the data in bytes."""

    metadata: Mapping[str, str]
    entries: Mapping[str, TensorEntry]
    data_length: int


def tensor_table(entries: Mapping[str, TensorEntry]) -> bytes:
    """Canonical JSON of the tensor entries, to be hashed."""
    return _canonical_json({name: _entry_to_data(entry) for name, entry in entries.items()})


def serialize_tensors(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, TensorEntry], bytes]:
    """Entries and bytes of `tensors`; widest dtype first, then by name, so all are aligned."""
    entries: dict[str, TensorEntry] = {}
    chunks: list[bytes] = []
    position = 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name)):
        array = np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape)
        little = array.dtype.newbyteorder("<")
        assert little in _DTYPE_NAMES, f"{name} has dtype {array.dtype}, which is not supported"
        chunks.append(array.astype(little, copy=False).tobytes())
        entries[name] = TensorEntry(
            _DTYPE_NAMES[little], tuple(array.shape), position, position + len(chunks[-1])
        )
        position += len(chunks[-1])
    return entries, b"".join(chunks)


def encode_file(
    metadata: Mapping[str, str], entries: Mapping[str, TensorEntry], data: bytes
) -> bytes:
    """The bytes of the whole file; the same values give the same bytes."""
    body: dict[str, Any] = {name: _entry_to_data(entry) for name, entry in entries.items()}
    body["__metadata__"] = dict(metadata)
    header = _canonical_json(body)
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER_BYTES:
        raise ModelFileError(
            f"the header of the model file would have {len(header):,} bytes, the limit is "
            f"{MAX_HEADER_BYTES:,}: use fewer or shorter class names"
        )
    return len(header).to_bytes(8, "little") + header + data


def read_header(file: BinaryIO, path: Path) -> Header:
    """Parse and check the header of an open file; raises ModelFileError with what is wrong."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 10:
        raise ModelFileError(f"{path} is truncated: it has only {size} bytes; copy it again")
    if length > MAX_HEADER_BYTES:
        raise InvalidFileError(
            path, f"its header has {length:,} bytes, the limit is {MAX_HEADER_BYTES:,}"
        )
    if 8 + length > size:
        raise ModelFileError(
            f"{path} is truncated: its header needs {8 + length:,} bytes and the file has "
            f"{size:,}; copy it again"
        )
    text = file.read(length)
    if not text.startswith(b"{"):
        raise InvalidFileError(path, "its header is not a JSON object")
    body = read_json(text, path)
    metadata = body.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise InvalidFileError(path, "its metadata is not a mapping of strings")
    if len(body) > MAX_TENSORS:
        raise InvalidFileError(path, f"it has {len(body):,} tensors, the limit is {MAX_TENSORS:,}")
    if not all(map(is_valid_text, body)):
        raise InvalidFileError(path, "a tensor's name is not valid text")
    entries = {name: _parse_entry(name, value, path) for name, value in body.items()}
    return Header(metadata, entries, _data_length(entries, size - 8 - length, path))


def read_json(text: bytes, path: Path) -> dict[str, Any]:
    """A JSON object no deeper than MAX_JSON_DEPTH, without repeated keys or not-a-number."""
    structure = _JSON_STRING.sub(b"", text)
    if structure.count(b",") > MAX_JSON_VALUES:
        raise InvalidFileError(path, f"its header has more than {MAX_JSON_VALUES:,} values")
    if _nesting_depth(structure) > MAX_JSON_DEPTH:
        raise InvalidFileError(path, f"its header is nested more than {MAX_JSON_DEPTH} levels deep")
    try:
        value = json.loads(
            text.decode(),
            object_pairs_hook=_reject_duplicate_keys,
            parse_constant=_reject_constant,
            parse_float=_parse_finite,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidFileError(path, "its header is not valid JSON") from error
    if not isinstance(value, dict):
        raise InvalidFileError(path, "its header is not a JSON object")
    return value


def _parse_finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _reject_constant(text)


def view_tensors(header: Header, data: bytearray) -> dict[str, np.ndarray]:
    """Writable arrays by name, which share the memory of `data`; those of bfloat16 are float32."""
    return {name: _view_tensor(entry, data) for name, entry in header.entries.items()}


def _view_tensor(entry: TensorEntry, data: bytearray) -> np.ndarray:
    dtype, count = _READ_DTYPES[entry.dtype], math.prod(entry.shape)
    array = np.frombuffer(data, dtype, count, entry.start).reshape(entry.shape)
    if entry.dtype != BF16:
        return array
    wide = array.astype("<u4")
    wide <<= 16
    return wide.view("<f4")


def _data_length(entries: Mapping[str, TensorEntry], available: int, path: Path) -> int:
    """Length of the data in bytes; raises unless the tensors cover it without gap or overlap."""
    position = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.stop)):
        if entry.start != position:
            raise InvalidFileError(path, "its tensors overlap or leave a gap")
        position = entry.stop
    if position > MAX_DATA_BYTES:
        raise InvalidFileError(
            path, f"its weights have {position:,} bytes, the limit is {MAX_DATA_BYTES:,}"
        )
    if position > available:
        raise ModelFileError(
            f"{path} is truncated: its weights need {position:,} bytes and the file has "
            f"{available:,}; copy it again"
        )
    if position < available:
        raise InvalidFileError(path, f"{available - position:,} bytes follow its last tensor")
    return position


def _parse_entry(name: str, value: Any, path: Path) -> TensorEntry:
    problem = InvalidFileError(
        path, f"its tensor {name[:80]!r} has no valid dtype, shape and offsets"
    )
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise problem
    shape, offsets = value["shape"], value["data_offsets"]
    if not (
        _is_list_of_naturals(shape)
        and len(shape) <= 8
        and _is_list_of_naturals(offsets)
        and len(offsets) == 2
    ):
        raise problem
    dtype = _READ_DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise problem
    if math.prod(size or 1 for size in shape) > MAX_DATA_BYTES:  # numpy takes none of 0 either
        raise problem
    return TensorEntry(value["dtype"], tuple(shape), offsets[0], offsets[1])


def is_valid_text(name: str) -> bool:
    """Whether it has no unpaired surrogate, which could not be encoded as UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _is_list_of_naturals(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < 1 << 48 for number in value
    )


def _entry_to_data(entry: TensorEntry) -> dict[str, Any]:
    return {
        "data_offsets": [entry.start, entry.stop],
        "dtype": entry.dtype,
        "shape": list(entry.shape),
    }


def _canonical_json(value: Any) -> bytes:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _nesting_depth(text: bytes) -> int:
    """Deepest nesting of brackets in JSON whose strings were removed."""
    codes = np.frombuffer(text, dtype=np.uint8)
    opened = (codes == ord("[")) | (codes == ord("{"))
    closed = (codes == ord("]")) | (codes == ord("}"))
    return int(np.cumsum(opened.astype(np.int32) - closed, dtype=np.int32).max(initial=0))


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is repeated")
    return value


def _reject_constant(_constant: str) -> Any:
    raise ValueError("not a number")
