"""Model files that an attacker wrote: each is refused in one sentence, and costs little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foveal.errors import ModelFileError
from foveal.model.file import read_model_file, write_model_file
from foveal.model.manifest import Manifest, Thresholds
from foveal.model.safetensors import MAX_HEADER_BYTES
from foveal.spec.layers import Concat, Conv, Flatten, Output, Residual
from foveal.spec.network import Network

MANIFEST = Manifest(
    network=Network(
        layers=(
            Conv(8),
            Residual(layers=(Conv(8),)),
            Concat(branches=((Conv(4),), (Conv(4, kernel=(1, 1)),))),
            Flatten(),
            Output(),
        )
    ),
    labels=("고양이", 'say "hi"', "c\\d"),
    thresholds=Thresholds(abstain=0.5, per_label={"c\\d": 0.25}),
)
TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.steps": np.array(7, np.int64),
    "mask": np.array([True, False, True]),
    "train_hashes": np.array([-1, 2], np.int64),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_model_file(tmp_path / "m.safetensors", MANIFEST, TENSORS)
    return tmp_path / "m.safetensors"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello, this is a text\n" * 9, "its header has "),
        (b"\xff" * 64, "its header has 18,446,744,073,709,551,615 bytes, the limit is 4,194,304"),
        ((64).to_bytes(8, "little") + b" " * 80, "its header is not a JSON object"),
        ((2).to_bytes(8, "little") + b"{}", "it has no manifest"),
        ((4).to_bytes(8, "little") + b"{}{}", "its header is not valid JSON"),
        ((3).to_bytes(8, "little") + b"{\xff}", "its header is not valid JSON"),
    ],
)
def test_not_ours(tmp_path: Path, content: bytes, why: str, refusal) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    assert why in refusal(path)


def test_numbers_of_half_the_width(path: Path, rewrite, refusal) -> None:
    def halve(header) -> None:
        start, stop = header["a.weight"]["data_offsets"]
        header["a.weight"] = {"dtype": "BF16", "shape": [4, 3], "data_offsets": [start, stop]}

    rewrite(path, halve)
    assert refusal(path) == (
        "FILE is not a model file of Foveal or is damaged: a tensor has the dtype BF16, which no "
        "model file has"
    )


def test_overlaps_and_holes(path: Path, rewrite, refusal) -> None:
    def overlap(header) -> None:
        start = header["train_hashes"]["data_offsets"][0]
        header["a.steps"]["data_offsets"] = [start, start + 8]

    rewrite(path, overlap)
    assert refusal(path) == (
        "FILE is not a model file of Foveal or is damaged: its tensors overlap or leave a gap"
    )


@pytest.mark.parametrize(
    "value",
    [
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1e3], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 4]},
        {"dtype": "F8", "shape": [1], "data_offsets": [0, 1]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "more": 1},
        {"dtype": "F32", "shape": [1] * 9, "data_offsets": [0, 4]},
        [],
        None,
    ],
)
def test_a_tensor_that_is_none(path: Path, value, rewrite, refusal) -> None:
    rewrite(path, lambda header: header.update({"a.weight": value}))
    assert refusal(path) == (
        "FILE is not a model file of Foveal or is damaged: "
        "its tensor 'a.weight' has no valid dtype, shape and offsets"
    )


def test_a_key_that_comes_twice(path: Path, refusal) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].rstrip()
    text = text[:-1] + b',"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[48,51]}}'
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    assert "its header is not valid JSON" in refusal(path)


def nested(depth: int):
    layers = [{"conv": 4}]
    for _ in range(depth):
        layers = [{"residual": {"layers": layers}}]
    return layers


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["network"].update(layers=[*nested(40), "flatten", {"output": "softmax"}]),
        lambda m: m["network"]["layers"].insert(0, {"conv": 10**9}),
        lambda m: m["network"]["layers"].insert(0, {"conv": {"channels": 4, "kernel": 10**6}}),
        lambda m: m["network"]["layers"].insert(0, {"os.system": "true"}),
        lambda m: m["network"]["input"].update(height=10**6),
        lambda m: m["network"].update(layers=["relu"] * 5000),
        lambda m: m.update(labels=["a", "a", "b"]),
        lambda m: m.update(labels=[]),
        lambda m: m.update(temperature=0),
        lambda m: m.update(temperature="hot"),
        lambda m: m.update(extra=1),
        lambda m: m.update(task="three"),
        lambda m: m["thresholds"].update(per_label={"unknown": 0.5}),
        lambda m: m["thresholds"].update(abstain=7),
        lambda m: m.pop("network"),
        lambda m: m.update(format_version=True),
        lambda m: m.update(format_version=0),
    ],
)
def test_invalid_manifests_are_refused(path: Path, change, change_manifest, refusal) -> None:
    change_manifest(path, change)
    text = refusal(path)
    assert text.startswith("FILE is not a model file of Foveal or is damaged: ")
    assert len(text) < 500


HOSTILE = {
    "huge": lambda: (
        (MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{" + b" " * (MAX_HEADER_BYTES + 9)
    ),
    "claims exabytes": lambda: (1 << 62).to_bytes(8, "little") + b"{" * 100,
    "deep": lambda: _framed(b'{"a":' * 500_000),
    "deep lists": lambda: _framed(b'{"a":' + b"[" * 4_000_000),
    "many objects": lambda: _framed(b'{"a":[' + b"{}," * 1_390_000 + b"{}]}"),
    "many tensors": lambda: _framed(
        b"{"
        + b",".join(
            b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % n for n in range(70_000)
        )
        + b"}"
    ),
    "long number": lambda: _framed(b'{"a":' + b"9" * 4_000_000 + b"}"),
    "long string": lambda: _framed(b'{"a":"' + b"\\u0041" * 600_000 + b'"}'),
    "unfinished string": lambda: _framed(b'{"a":"' + b"\\" * 3_999_999),
    "manifest of lists": lambda: _framed(
        b'{"__metadata__":{"foveal":"{\\"format_version\\":2,\\"history\\":['
        + b"{}," * 1_300_000
        + b'{}]}"}}'
    ),
    "manifest of as many values as are read": lambda: _framed(
        b'{"__metadata__":{"foveal":"{\\"format_version\\":2,\\"history\\":['
        + b"{}," * 390_000
        + b'1],\\"labels\\":[1,2]}"}}'
    ),
    "manifest of labels": lambda: _framed(
        b'{"__metadata__":{"foveal":"{\\"format_version\\":2,\\"labels\\":['
        + b"1," * 1_900_000
        + b'1]}"}}'
    ),
}


def _framed(header: bytes) -> bytes:
    assert len(header) <= MAX_HEADER_BYTES
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_cost_little(tmp_path: Path, name: str) -> None:
    """An error after few calls and in 200 MB, measured in a process of its own."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(HOSTILE[name]())
    script = f"""
import re, sys
def peak():  # getrusage would count the parent before exec
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
from foveal.errors import ModelFileError
from foveal.model.file import read_model_file
before, calls = peak(), 0
def count(*_):
    global calls
    calls += 1
sys.setprofile(count)
try:
    read_model_file({str(path)!r})
except ModelFileError as error:
    assert len(str(error)) < 600, len(str(error))
else:
    sys.exit("it was read")
sys.setprofile(None)
print(calls, (peak() - before) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calls, megabytes = map(float, done.stdout.split())
    assert calls < 5_000_000  # a second has about ten million
    assert megabytes < 200


def _bytes() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        write_model_file(path, MANIFEST, TENSORS)
        return path.read_bytes()


WHOLE = _bytes()


EDIT = st.tuples(
    st.sampled_from(["replace", "insert", "delete", "repeat"]),
    st.integers(0, len(WHOLE)),
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"[", b"{", b'"', b"\\", b"\\ud800", b"NaN", b"1e999", b"-1", b"null"]),
    ),
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=st.lists(EDIT, min_size=1, max_size=4), length=st.booleans())
@example(edits=[("insert", 9, b'"\\ud800":null,')], length=True)
def test_edited_files_never_crash_the_reader(tmp_path: Path, edits, length: bool) -> None:
    content = bytearray(WHOLE)
    for kind, place, data in edits:
        match kind:
            case "replace":
                content[place : place + len(data)] = data
            case "insert":
                content[place:place] = data
            case "delete":
                del content[place : place + 8]
            case "repeat":
                content[place:place] = content[place : place + 60]
    if length:  # a header length that fits, so that the JSON is reached
        end = content.rfind(b"}") + 1
        content[:8] = max(0, end - 8).to_bytes(8, "little")
    path = tmp_path / "fuzz.safetensors"
    path.write_bytes(content)
    try:
        manifest, _ = read_model_file(path)
    except ModelFileError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert manifest.model_copy(update={"weights_sha256": ""}) == MANIFEST


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    field=st.sampled_from(sorted(Manifest.model_fields)),
)
def test_any_value_in_any_field(tmp_path: Path, value, field: str, change_manifest) -> None:
    path = tmp_path / "field.safetensors"
    path.write_bytes(WHOLE)
    change_manifest(path, lambda manifest: manifest.update({field: value}))
    try:
        read_model_file(path)
    except ModelFileError as error:
        assert len(str(error).splitlines()) == 1
