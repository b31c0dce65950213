"""Reading weights files: formats, wrappers, limits, and files that are hostile."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from foveal.errors import ModelFileError
from foveal.pretrained import weights_file
from foveal.pretrained.weights_file import file_sha256, read_weights

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def same(received: dict[str, torch.Tensor]) -> bool:
    return received.keys() == STATE.keys() and all(
        torch.equal(received[name], STATE[name]) for name in STATE
    )


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".PTH"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_torch_file(tmp_path: Path, suffix: str, legacy: bool) -> None:
    file = tmp_path / f"w{suffix}"
    torch.save(STATE, file, _use_new_zipfile_serialization=not legacy)
    assert same(read_weights(file))


def test_a_safetensors_file(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({name: value.numpy() for name, value in STATE.items()}, file)
    assert same(read_weights(file))


def test_a_safetensors_file_of_bfloat16(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    state = {"a": torch.randn(3, 5).bfloat16(), "b": torch.tensor(-0.1).bfloat16()}
    save_torch_file(state, file)
    received = read_weights(file)
    assert received.keys() == state.keys()
    assert all(torch.equal(received[name], state[name].float()) for name in state)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_strides_are_respected(tmp_path: Path, legacy: bool) -> None:
    value = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    assert not value.is_contiguous()
    file = tmp_path / "w.pth"
    torch.save({"a": value}, file, _use_new_zipfile_serialization=not legacy)
    assert torch.equal(read_weights(file)["a"], value.contiguous())


def test_a_small_file_may_claim_a_huge_tensor_of_one_number(tmp_path: Path) -> None:
    """It is read as the view it is; nothing makes it large before its shape is compared."""
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1).expand(1 << 40)}, file)
    value = read_weights(file)["a"]
    assert (value.numel(), value.untyped_storage().nbytes()) == (1 << 40, 4)


OTHER = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "optimizer": {"state": {0: torch.ones(3)}}},
        {"state_dict": OTHER, "state_dict_ema": STATE},
        {"model": OTHER, "model_ema": STATE},
        {"model": {"state_dict": STATE}},
        {f"module.{name}": value for name, value in STATE.items()},
        {f"_orig_mod.{name}": value for name, value in STATE.items()},
        {"state_dict": {f"module._orig_mod.{name}": value for name, value in STATE.items()}},
        {name: torch.nn.Parameter(value) for name, value in STATE.items()},
    ],
    ids=["lightning", "train", "ema", "model_ema", "nested", "parallel", "compiled", "both", "par"],
)
def test_wrappers_are_removed(tmp_path: Path, content: dict) -> None:
    file = tmp_path / "w.pth"
    torch.save(content, file)
    received = read_weights(file)
    assert same(received)
    assert not any(value.requires_grad for value in received.values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [torch.ones(2)],
            "{file} holds no mapping of names to tensors but a list; give the file of a state_dict",
        ),
        (
            {},
            "{file} holds no mapping of names to tensors but a dict; give the file of a state_dict",
        ),
        (
            {"a\n\x1b[31m": 3},
            "'a\\n\\x1b[31m' in {file} is no dense tensor but a int; give the file of a state_dict",
        ),
        (
            {1: torch.ones(2)},
            "{file} holds a tensor whose name is no text; give a state_dict",
        ),
        (
            {"a": torch.ones(2, 2).to_sparse()},
            "'a' in {file} is no dense tensor but a Tensor; give the file of a state_dict",
        ),
        (
            {"a": torch.empty(1 << 40, device="meta")},
            "'a' in {file} is no dense tensor but a Tensor; give the file of a state_dict",
        ),
    ],
    ids=["list", "empty", "number", "key", "sparse", "meta"],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, message: str) -> None:
    file = tmp_path / "w.pth"
    torch.save(content, file)
    with pytest.raises(ModelFileError) as error:
        read_weights(file)
    assert str(error.value) == message.format(file=file)


def test_many_values_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    torch.save({str(index): 0 for index in range(20_001)}, file)
    with pytest.raises(ModelFileError) as error:
        read_weights(file)
    assert str(error.value) == f"{file} holds 20,001 values, the limit is 20,000"


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.h5"
    file.write_bytes(b"x")
    with pytest.raises(ModelFileError) as error:
        read_weights(file)
    assert str(error.value) == (
        f"{file} is not a weights file: its name ends in '.h5'; give a .safetensors, .pth, .pt or "
        ".bin file"
    )


def test_a_damaged_safetensors_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes((9).to_bytes(8, "little") + b'{"a": 3} ')
    with pytest.raises(ModelFileError) as error:
        read_weights(file)
    assert str(error.value) == (
        f"{file} is not a safetensors file or is damaged: its tensor 'a' has no valid dtype, shape "
        "and offsets; download it again"
    )


def test_a_truncated_safetensors_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"a": np.zeros(100, np.float32)}, file)
    content = file.read_bytes()
    file.write_bytes(content[:-50])
    with pytest.raises(ModelFileError) as error:
        read_weights(file)
    assert str(error.value) == (
        f"{file} is truncated: its weights need 400 bytes and the file has 350; copy it again"
    )


def test_a_file_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_file, "MAX_FILE_BYTES", 10)
    file = tmp_path / "w.pth"
    file.write_bytes(b"x" * 11)
    with pytest.raises(ModelFileError) as error:
        read_weights(file)
    assert str(error.value) == (
        f"the weights file {file} has 11 bytes, the limit is 10; no network of Foveal needs so many"
    )


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as error:
        read_weights(tmp_path / "none.pth")
    assert str(error.value) == f"there is no weights file {tmp_path / 'none.pth'}; check the path"
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(ModelFileError) as error:
        read_weights(tmp_path / "folder.pth")
    assert str(error.value) == (
        f"{tmp_path / 'folder.pth'} is not a file; give the path of a weights file"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pth"
    os.mkfifo(pipe)
    with pytest.raises(ModelFileError) as error:
        read_weights(pipe)
    assert str(error.value) == f"{pipe} is not a file; give the path of a weights file"


def test_sha256_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_bytes(b"abc")
    assert file_sha256(file) == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
