"""The model file: deterministic, hashed, and every invalid one rejected in one sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from foveal.errors import ModelFileError
from foveal.model.file import read_manifest, read_model_file, write_model_file
from foveal.model.manifest import Manifest, Thresholds
from foveal.spec.layers import BatchNorm, Concat, Conv, Flatten, Output, Relu, Residual
from foveal.spec.network import Network

NETWORK = Network(
    layers=(
        Conv(8),
        BatchNorm(),
        Relu(),
        Residual(layers=(Conv(8), BatchNorm())),
        Concat(branches=((Conv(4),), (Conv(4, kernel=(1, 1)),))),
        Flatten(),
        Output(),
    )
)


MANIFEST = Manifest(
    network=NETWORK,
    labels=("고양이", 'say "hi"', "c\\d"),
    temperature=1.25,
    thresholds=Thresholds(abstain=0.5, per_label={"c\\d": 0.25}),
    recipe={"epochs": 2.0, "optimizer": "sgd"},
    data={"counts": {"train": 3}},
    history=({"epoch": 1, "loss": 0.5},),
    versions={"torch": "2.13.0"},
)


TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.steps": np.array(7, np.int64),
    "mask": np.array([True, False, True]),
    "train_hashes": np.array([-1, 2], np.int64),
    "empty": np.zeros((0, 4), np.float16),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_model_file(tmp_path / "m.safetensors", MANIFEST, TENSORS)
    return tmp_path / "m.safetensors"


def test_what_is_written_is_read(path: Path) -> None:
    manifest, tensors = read_model_file(path)
    assert manifest.model_copy(update={"weights_sha256": ""}) == MANIFEST
    assert read_manifest(path) == manifest
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype
        assert tensors[name].shape == value.shape


def test_any_safetensors_reader_opens_it(path: Path) -> None:
    for name, value in load_file(path).items():
        np.testing.assert_array_equal(value, TENSORS[name])


def test_same_values_give_same_bytes(path: Path, tmp_path: Path) -> None:
    manifest, tensors = read_model_file(path)
    write_model_file(tmp_path / "other.safetensors", manifest, dict(reversed(tensors.items())))
    assert (tmp_path / "other.safetensors").read_bytes() == path.read_bytes()
    assert str(tmp_path).encode() not in path.read_bytes()


def test_the_sha_256_is_of_the_tensors_bytes(path: Path) -> None:
    content = path.read_bytes()
    data = content[8 + int.from_bytes(content[:8], "little") :]
    assert read_manifest(path).weights_sha256 == hashlib.sha256(data).hexdigest()


def test_every_truncation_is_refused(path: Path, refusal) -> None:
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert "truncated" in refusal(path) or "not a model file" in refusal(path)
    path.write_bytes(content[:-1])
    assert refusal(path) == (
        "FILE is truncated: its weights need 51 bytes and the file has 50; copy it again"
    )
    path.write_bytes(b"")
    assert refusal(path) == "FILE is truncated: it has only 0 bytes; copy it again"


def test_every_flipped_bit_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            manifest, tensors = read_model_file(path)
        except ModelFileError:
            continue
        # Blanks that only lay out the JSON may change; nothing that is read may.
        assert manifest.model_copy(update={"weights_sha256": ""}) == MANIFEST, place
        assert all((tensors[name] == TENSORS[name]).all() for name in TENSORS), place


def test_altered_weights(path: Path, refusal) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    assert refusal(path) == (
        "FILE was modified or damaged: the SHA-256 of its weights does not match; "
        "use the original file"
    )


def test_altered_labels(path: Path, rewrite, refusal) -> None:
    rewrite(
        path,
        lambda header: header["__metadata__"].update(
            foveal=header["__metadata__"]["foveal"].replace("고양이", "강아지")
        ),
        rehash=False,
    )
    assert refusal(path) == (
        "FILE was modified or damaged: the SHA-256 of its header does not match; "
        "use the original file"
    )


def test_an_earlier_format(path: Path, change_manifest, refusal) -> None:
    change_manifest(path, lambda manifest: manifest.update(format_version=1, old_field=[]))
    assert refusal(path) == (
        "FILE was written by an earlier version of Foveal (format 1; this version reads format 2): "
        "train or export it again"
    )


def test_a_later_format(path: Path, change_manifest, refusal) -> None:
    change_manifest(path, lambda manifest: manifest.update(format_version=3, new_field=[]))
    assert refusal(path) == (
        "FILE was written by a later version of Foveal (format 3; this version reads format 2): "
        "update Foveal with  pip install -U foveal"
    )


def test_a_safetensors_file_of_others(tmp_path: Path, refusal) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "theirs.safetensors"
    save_file({"w": np.zeros(3, np.float32)}, path)
    assert refusal(path) == (
        "FILE is a safetensors file but not a model file of Foveal: it has no manifest; train "
        "one with `foveal train`"
    )


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (
            b'{"a":{"dtype":"F32","shape":[140737488355328,140737488355328,0],"data_offsets":[0,0]}}',
            "its tensor 'a' has no valid dtype, shape and offsets",
        ),
        (
            b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,0]}}',
            "its header is not valid JSON",
        ),
        (
            b'{"a":{"dtype":"U8","shape":[5000000000],"data_offsets":[0,5000000000]}}',
            "its tensor 'a' has no valid dtype, shape and offsets",
        ),
        (
            b'{"a":{"dtype":"F32","shape":[2000000000],"data_offsets":[0,8000000000]}}',
            "its weights have 8,000,000,000 bytes, the limit is 4,294,967,296",
        ),
    ],
)
def test_a_header_of_more_than_any_network_has(
    path: Path, refusal, header: bytes, reason: str
) -> None:
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + (8_000_000_000 if b"8000000000" in header else 0))
    assert refusal(path) == f"FILE is not a model file of Foveal or is damaged: {reason}"
