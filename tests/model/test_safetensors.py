"""The safetensors layout: golden bytes, alignment, and the limits of its JSON.

Headers that are damaged or hostile are tested whole in test_file.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import ModelFileError
from foveal.model import safetensors
from foveal.model.safetensors import (
    Header,
    TensorEntry,
    encode_file,
    is_valid_text,
    read_header,
    read_json,
    serialize_tensors,
    tensor_table,
    view_tensors,
)

PATH = Path("m.safetensors")
TENSORS = {"b": np.array([1, 2], np.uint8), "a": np.array([[1.5]], np.float32)}
GOLDEN_HEADER = (
    b'{"__metadata__":{"k":"v"},"a":{"data_offsets":[0,4],"dtype":"F32","shape":[1,1]},'
    b'"b":{"data_offsets":[4,6],"dtype":"U8","shape":[2]}}'
)


def error(text: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_json(text, PATH)
    return str(caught.value).removeprefix(
        "m.safetensors is not a model file of Foveal or is damaged: "
    )


def test_golden_bytes() -> None:
    entries, data = serialize_tensors(TENSORS)
    content = encode_file({"k": "v"}, entries, data)
    assert data == b"\x00\x00\xc0\x3f\x01\x02"
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    assert content[8 : 8 + length] == GOLDEN_HEADER.ljust(length)
    assert content[8 + length :] == data


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    entries, data = serialize_tensors(TENSORS)
    path.write_bytes(encode_file({"k": "v"}, entries, data))
    with path.open("rb") as file:
        header = read_header(file, path)
        content = bytearray(file.read())
    assert header == Header({"k": "v"}, entries, 6)
    assert entries["b"] == TensorEntry("U8", (2,), 4, 6)
    tensors = view_tensors(header, content)
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], value)
    tensors["b"][0] = 9
    assert content[4] == 9  # the memory is shared


def test_the_widest_dtype_comes_first() -> None:
    tensors = {"z": np.zeros(1, np.int64), "y": np.zeros(3, np.bool_), "x": np.zeros(3, np.float16)}
    entries, _ = serialize_tensors(tensors)
    assert list(entries) == ["z", "x", "y"]
    for entry in entries.values():
        assert entry.start % safetensors._DTYPES[entry.dtype].itemsize == 0


def test_the_tensor_table_is_canonical() -> None:
    entries, _ = serialize_tensors(TENSORS)
    table = tensor_table(entries)
    assert table == (
        b'{"a":{"data_offsets":[0,4],"dtype":"F32","shape":[1,1]},'
        b'"b":{"data_offsets":[4,6],"dtype":"U8","shape":[2]}}'
    )


def test_json_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_json(b'{"a":[1,{"b":"],["}]}', PATH) == {"a": [1, {"b": "],["}]}
    assert error(b'{"a":1,"a":2}') == "its header is not valid JSON"
    assert error(b'{"a":NaN}') == "its header is not valid JSON"
    assert error(b"[]") == "its header is not a JSON object"
    assert error(b'{"a":' + b"[" * 64 + b"]" * 64 + b"}") == (
        "its header is nested more than 64 levels deep"
    )
    monkeypatch.setattr(safetensors, "MAX_JSON_VALUES", 2)
    assert error(b'{"a":[1,2,3,4]}') == "its header has more than 2 values"


def test_a_header_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors, "MAX_HEADER_BYTES", 40)
    with pytest.raises(ModelFileError) as caught:
        encode_file({"key": "x" * 20}, {}, b"")
    assert str(caught.value) == (
        "the header of the model file would have 48 bytes, the limit is 40: "
        "use fewer or shorter class names"
    )


def test_valid_text() -> None:
    assert is_valid_text("고양이")
    assert not is_valid_text("a\ud800")
