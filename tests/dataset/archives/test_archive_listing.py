"""Names of archive members as their makers wrote them."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from foveal.dataset.archives import archive_listing as module
from foveal.dataset.archives.archive_listing import list_archive, unsafe_name
from foveal.dataset.open import open_dataset
from foveal.dataset.types import UnusableFile
from foveal.errors import DataError


@pytest.mark.parametrize("name", ["1:30.png", "d/a:b.png", "é.png"])
def test_a_colon_is_a_drive_only_behind_a_letter(name):
    assert unsafe_name(name) is None
    assert unsafe_name("C:1.png") == "a name that leads out of the archive"


def put(file: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    file.addfile(info, io.BytesIO(content))


def zip_of_raw_names(path: Path, names: list[bytes]) -> Path:
    """A .zip whose names are these bytes, without a declared encoding."""
    stand_ins = [f"{index}".rjust(len(name), "#").encode() for index, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as file:
        for index, name in enumerate(stand_ins):
            file.writestr(name.decode(), f"image {index}")
    content = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        content = content.replace(stand_in, name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "title", "classes"),
    [
        ("cp949", "CP949", ("강아지", "고양이")),
        ("shift_jis", "Shift-JIS", ("ソファー", "椅子")),
        ("utf-8", "UTF-8", ("강아지", "고양이")),
        ("cp437", "CP437", ("Café", "Müller")),
    ],
)
def test_names_of_an_undeclared_encoding(tmp_path: Path, encoding: str, title: str, classes):
    names = [f"{name}/image-{number}.png" for number, name in enumerate(classes)]
    raw = [name.encode(encoding) for name in names]
    path = zip_of_raw_names(tmp_path / "x.zip", raw)
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        for number, name in enumerate(raw):
            put(file, name.decode("utf-8", "surrogateescape"), f"image {number}".encode())
    for found in (open_dataset(path), open_dataset(tmp_path / "x.tar")):
        assert found.classes == classes
        assert found.paths == tuple(names)
        assert [found.read(row) for row in range(2)] == [b"image 0", b"image 1"]
    assert [note.text for note in open_dataset(path).layout_notes] == [
        "the archive does not say the encoding of its names; they were read as "
        f"{title}, such as '{names[0]}'"
    ]


def test_backslashes_in_a_zip_separate_folders(tmp_path: Path):
    path = zip_of_raw_names(tmp_path / "x.zip", [b"train\\cat\\image.png", b"test\\cat\\image.png"])
    found = open_dataset(path)
    assert found.paths == ("test/cat/image.png", "train/cat/image.png")
    assert found.splits == ("test", "train")
    assert [note.text for note in found.layout_notes] == [
        "names in the archive have backslashes, which were read as separators of folders"
    ]


def test_hidden_files_are_reported(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name in ("b/10.png", "b/2.png", "b/._2.png", "__MACOSX/b/2.png", "@eaDir/x.jpg"):
            file.writestr(name, b"x")
    ignored: list[str] = []
    listing = list_archive(tmp_path / "x.zip", ignored.append)
    assert list(listing.members) == ["b/2.png", "b/10.png"]
    assert ignored == ["@eaDir/x.jpg", "__MACOSX/b/2.png", "b/._2.png"]
    assert (listing.unusable, listing.notes) == ([], [])


def test_folders_are_listed_with_and_without_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a/", "b/c/", "b/c/d/1.png", ".git/", "@eaDir/x/", "../out/", "__MACOSX/a/"):
            archive.writestr(name, b"")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("./a", "./b/c", "./.git", "@eaDir/x", "../out"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("b/c/d/1.png"))
    for name in ("x.zip", "x.tar"):
        listing = list_archive(tmp_path / name)
        assert list(listing.members) == ["b/c/d/1.png"]
        assert listing.folders == ["a", "b", "b/c", "b/c/d"]
        assert listing.unusable == []


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_a_file_without_a_name_is_unusable(tmp_path: Path, suffix: str):
    path = tmp_path / f"data{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("x", "cat/1.png"):
                archive.writestr(zipfile.ZipInfo(name), b"content")
            archive.filelist[0].filename = ""  # in the directory alone
    else:
        with tarfile.open(path, "w") as archive:
            for name in ("", "cat/1.png"):
                archive.addfile(tarfile.TarInfo(name))
    listing = list_archive(path)
    assert list(listing.members) == ["cat/1.png"]
    assert listing.unusable == [UnusableFile("", "a file without a name")]


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_a_pipe_and_a_device_are_never_opened(tmp_path: Path, suffix: str):
    pipe, device = tmp_path / f"pipe{suffix}", tmp_path / f"zero{suffix}"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(DataError) as error:
            list_archive(path)
        assert str(error.value) == (f"cannot read {path}: not a regular file; give another archive")


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_a_file_that_the_system_does_not_give_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"images.{suffix}"

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(module, f"{suffix}_entries", refuse)
    with pytest.raises(DataError) as info:
        list_archive(path)
    assert str(info.value) == (
        f"cannot read {path}: Permission denied; check its place and permissions"
    )
