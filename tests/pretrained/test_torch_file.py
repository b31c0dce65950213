"""Files of torch.save that are hostile: code, bombs, truncation, false sizes."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import ModelFileError
from foveal.pretrained.torch_file import read_torch_file

CODE = (
    "{file} was not read: it holds more than tensors, and opening the rest could run code from the "
    "file; save its state_dict alone, best as .safetensors"
)


class Touch:
    """Its pickle makes a file where it is run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def refusal(file: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        read_torch_file(file)
    return str(error.value)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_pickle_that_runs_code_runs_none(tmp_path: Path, legacy: bool) -> None:
    file, trace = tmp_path / "w.pth", tmp_path / "trace"
    torch.save({"a": Touch(trace)}, file, _use_new_zipfile_serialization=not legacy)
    assert refusal(file) == CODE.format(file=file)
    assert not trace.exists()


def test_a_plain_pickle_runs_none(tmp_path: Path) -> None:
    file, trace = tmp_path / "w.pth", tmp_path / "trace"
    file.write_bytes(pickle.dumps(Touch(trace)))
    assert refusal(file) == CODE.format(file=file)
    assert not trace.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    torch.save(torch.nn.Linear(2, 2), file)
    assert refusal(file) == CODE.format(file=file)


def test_torchscript_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("w/constants.pkl", pickle.dumps(()))
        archive.writestr("w/data.pkl", pickle.dumps({}))
        archive.writestr("w/version", "3")
    assert "was not read" in refusal(file) or "is damaged" in refusal(file)


def test_the_old_tar_format_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    file, outside = tmp_path / "w.pth", tmp_path / "outside"
    with tarfile.open(file, "w") as archive:
        for name in ("storages", "tensors", "pickle", f"../{outside.name}"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert refusal(file) in (
        CODE.format(file=file),
        f"{file} is not a weights file of torch or is damaged: it may be truncated or of another "
        "kind; download it again",
    )
    assert not outside.exists()


def test_a_compressed_archive_is_refused_without_unpacking(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", b"\0" * (1 << 24))
    assert file.stat().st_size < 1 << 16
    assert refusal(file) == (
        f"{file} is not a weights file of torch or is damaged: its archive is compressed, which "
        "torch.save never does; download it again"
    )


def test_an_archive_that_lists_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    """Two entries of the directory that name the same bytes: 1 MB that would become many."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("w/data/0", b"\0" * 1_000_000)
        info = archive.infolist()[0]
        for index in range(1, 50):
            copy = zipfile.ZipInfo(f"w/data/{index}")
            copy.header_offset, copy.CRC = info.header_offset, info.CRC
            copy.file_size = copy.compress_size = info.file_size
            archive.filelist.append(copy)
    file = tmp_path / "w.pth"
    file.write_bytes(buffer.getvalue())
    assert refusal(file) == (
        f"{file} is not a weights file of torch or is damaged: its archive lists more than the "
        "file holds; download it again"
    )


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1000)}, file)
    file.write_bytes(file.read_bytes()[:2000])
    assert refusal(file) == (
        f"{file} is not a weights file of torch or is damaged: its archive has no directory; it "
        "may be truncated; download it again"
    )


@pytest.mark.parametrize("keep", [0, 1, 100, 3000])
def test_a_truncated_legacy_file_is_refused(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1000)}, file, _use_new_zipfile_serialization=False)
    assert file.stat().st_size > 3000
    file.write_bytes(file.read_bytes()[:keep])
    assert refusal(file) in (
        f"{file} is not a weights file of torch or is damaged: it may be truncated or of another "
        "kind; download it again",
        CODE.format(file=file),
    )


def test_a_tensor_that_claims_more_than_its_storage_is_refused(tmp_path: Path) -> None:
    """The size 4 of the only tensor is changed to 1,000,000 in the pickle."""
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(4)}, file)
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = next(name for name in members if name.endswith("data.pkl"))
    size = b"K\x00K\x04\x85"  # offset 0, sizes (4,)
    assert members[name].count(size) == 1
    members[name] = members[name].replace(size, b"K\x00J" + struct.pack("<i", 1_000_000) + b"\x85")
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    assert refusal(file) in (
        f"{file} is not a weights file of torch or is damaged: its tensors claim more bytes than "
        "the file has; download it again",
        f"{file} is not a weights file of torch or is damaged: it may be truncated or of another "
        "kind; download it again",
    )


def test_a_mapping_that_holds_itself_many_times_is_read_once(tmp_path: Path) -> None:
    value: dict = {"w": torch.ones(2)}
    for _ in range(12):
        value = {str(index): value for index in range(100)}
    file = tmp_path / "w.pth"
    torch.save(value, file)
    assert len(read_torch_file(file)) == 100  # 100**12 visits would never end


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_sentence(tmp_path_factory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.pth"
    file.write_bytes(content)
    sentence = refusal(file)
    assert sentence.startswith(str(file))
    assert "\n" not in sentence.removeprefix(str(file))
