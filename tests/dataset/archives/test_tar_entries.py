"""What the headers of a .tar say of its members."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from foveal.dataset.archives import tar_entries as module
from foveal.dataset.archives.archive_listing import list_archive
from foveal.errors import DataError


def test_a_tar_member_of_negative_size_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        member = tarfile.TarInfo("a/1.png")
        member.size = 1
        file.addfile(member, io.BytesIO(b"1"))
    content = bytearray(path.read_bytes())
    content[124:136] = b"\xff" * 10 + b"\xfe\x00"  # base 256: minus 512
    content[148:156] = b" " * 8
    content[148:156] = f"{sum(content[:512]):06o}\0 ".encode()
    path.write_bytes(bytes(content))
    with pytest.raises(DataError) as info:
        list_archive(path)
    assert str(info.value) == (
        f"cannot read {path} as a .tar archive: a file of a negative size; create the archive "
        "again or give the folder"
    )


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path, tarred, monkeypatch) -> None:
    (tmp_path / "data").mkdir()
    for name in "abc":
        (tmp_path / "data" / name).touch()
    monkeypatch.setattr(module, "MAX_MEMBERS", 2)
    with pytest.raises(DataError) as caught:
        list_archive(tarred(tmp_path / "data", tmp_path / "many.tar"))
    assert str(caught.value) == (
        f"{tmp_path / 'many.tar'} holds more than 20,000,000 files; split it into several archives"
    )
