"""What the directory of a .zip says of its members."""

import zipfile
from pathlib import Path

import pytest

from foveal.dataset.archives import zip_entries as module
from foveal.dataset.archives.archive_listing import list_archive
from foveal.dataset.types import UnusableFile
from foveal.errors import DataError


def test_members_that_cannot_be_read_have_their_reason(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(zipfile.ZipInfo("a/1.png"), b"1", compress_type=zipfile.ZIP_BZIP2)
        file.writestr("a/2.png", b"2")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("a/2.png", b"two")
        link = zipfile.ZipInfo("a/3.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "x" * (module.MAX_LINK_BYTES + 1))
    listing = list_archive(tmp_path / "x.zip")
    assert listing.unusable == [
        UnusableFile("a/1.png", "compressed by a method other than deflate"),
        UnusableFile("a/2.png", "a second file of the same name"),
        UnusableFile("a/3.png", "a symbolic link with a target of too many bytes"),
    ]
    assert [member.read(tmp_path / "x.zip") for member in listing.members.values()] == [b"2"]


def test_a_zip_of_too_many_members_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in "abc":
            file.writestr(name, b"x")
    monkeypatch.setattr(module, "MAX_MEMBERS", 2)
    with pytest.raises(DataError) as caught:
        list_archive(path)
    assert str(caught.value) == (
        f"{path} holds more than 20,000,000 files; split it into several archives"
    )
