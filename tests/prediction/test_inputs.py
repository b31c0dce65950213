"""What a person names becomes single images, in an order that does not depend on the disk."""

from __future__ import annotations

import os
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import torch

from foveal.dataset.open import open_dataset
from foveal.prediction.inputs import iter_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b/2.jpg",
        "b/1.PNG",
        "a.webp",
        "notes.txt",
        ".hidden.jpg",
        ".git/x.png",
        "c[1].gif",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.webp")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "itself.jpg").symlink_to(tmp_path / "itself.jpg")
    return tmp_path


def test_a_tensor_is_no_image() -> None:
    (found,) = iter_inputs([torch.zeros(3, 4, 4)])
    assert (found.path, found.error) == (
        None,
        "Tensor is not an image: give a path, bytes, PIL image or array",
    )


def names(folder: Path, given) -> list[str]:
    return [os.path.relpath(source.path, folder) for source in iter_inputs(given)]


def errors(folder: Path, given) -> dict[str, str]:
    found = ((source.path, source.error) for source in iter_inputs(given))
    return {os.path.relpath(path, folder): error for path, error in found if error}


def test_folders_are_walked_by_name(folder: Path) -> None:
    expected = ["a.webp", "b/1.PNG", "b/2.jpg", "c[1].gif", "link.jpg"]
    for given in (folder, f"{folder}/"):
        failed = errors(folder, given)
        assert [name for name in names(folder, given) if name not in failed] == expected
        assert failed == {
            "broken.jpg": "cannot be opened: a symbolic link that leads nowhere",
            "b/loop": "a symbolic link to a folder above it",
            "itself.jpg": "cannot be opened: symbolic links that lead to each other",
            "pipe.jpg": "not a regular file",
        }


def test_patterns(folder: Path) -> None:
    assert names(folder, f"{folder}/b/*.*") == ["b/1.PNG", "b/2.jpg"]
    assert names(folder, f"{folder}/**/*.jpg")[0] == "b/2.jpg"
    (folder / "b" / "loop").unlink()
    assert names(folder, f"{folder}/b*") == ["b/1.PNG", "b/2.jpg", "broken.jpg"]


def test_a_name_with_brackets_that_is_there_is_no_pattern(folder: Path) -> None:
    assert names(folder, f"{folder}/c[1].gif") == ["c[1].gif"]


def test_nothing_is_looked_at_before_it_is_asked_for(folder: Path) -> None:
    def given():
        yield folder / "a.webp"
        raise RuntimeError("asked too early")

    found = iter_inputs(given())
    assert next(found).path == str(folder / "a.webp")
    with pytest.raises(RuntimeError):
        next(found)


def test_a_folder_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert errors(folder, folder)["b"] == "a folder that cannot be opened: Permission denied"


def test_what_a_folder_holds_is_what_training_takes(tmp_path: Path) -> None:
    """Every format, names without a suffix, linked folders: one rule for check, train, predict."""
    for name in ("a/1.avif", "a/2", "a/3.jpg.download", "a/4.HEIC", "a/5.apng", "pool/6.png"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "data" / "pool").rename(tmp_path / "pool")
    (tmp_path / "data" / "b").symlink_to("../pool", target_is_directory=True)
    for name in ("a/notes.txt", "a/Thumbs.db", "a/.DS_Store", "a/table.csv"):
        (tmp_path / "data" / name).touch()
    skipped: list[tuple[str, str]] = []
    found = iter_inputs(tmp_path / "data", lambda path, why: skipped.append((path, why)))
    relative = tuple(os.path.relpath(source.path, tmp_path / "data") for source in found)
    assert relative == open_dataset(tmp_path / "data").paths
    assert len(relative) == 6
    assert {(Path(path).name, why) for path, why in skipped} == {
        ("notes.txt", "not an image by its name"),
        ("table.csv", "not an image by its name"),
        ("Thumbs.db", "hidden or of the system"),
        (".DS_Store", "hidden or of the system"),
    }


def test_archives(tmp_path: Path) -> None:
    for suffix in (".zip", ".tar"):
        archive = tmp_path / f"pool{suffix}"
        members = {"10.png": b"ten", "a/2.png": b"two", "a/notes.txt": b"", "__MACOSX/x.png": b""}
        if suffix == ".zip":
            with zipfile.ZipFile(archive, "w") as file:
                for name, content in members.items():
                    file.writestr(name, content)
        else:
            with tarfile.open(archive, "w") as file:
                for name, content in members.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    file.addfile(info, BytesIO(content))
        skipped: list[tuple[str, str]] = []
        found = list(iter_inputs(archive, lambda path, why: skipped.append((path, why))))  # noqa: B023
        assert [(source.path, source.value.read()) for source in found] == [
            (f"{archive}/10.png", b"ten"),
            (f"{archive}/a/2.png", b"two"),
        ]
        assert sorted(skipped) == [
            (f"{archive}/__MACOSX/x.png", "hidden or of the system"),
            (f"{archive}/a/notes.txt", "not an image by its name"),
        ]


def test_other_files_named_by_themselves(tmp_path: Path) -> None:
    for name in ("empty.zip", "data.csv", "data.tar.gz", "image.txt"):
        (tmp_path / name).touch()
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert [source.error for source in iter_inputs(sorted(tmp_path.iterdir()))] == [
        f"cannot read {damaged} as a .zip archive: File is not a zip file; create the archive "
        "again or give the folder",
        "a table, not an image: give the folder of its images, or their paths, one a line, on "
        "standard input (-)",
        "a compressed archive: unpack it to a folder or a .tar first",
        "the archive contains no images",
        None,
    ]
