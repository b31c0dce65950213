"""What a person names becomes single images, in an order that does not depend on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def names(folder: Path, given) -> list[str]:
    return [os.path.relpath(source.path, folder) for source in iter_inputs(given)]


def test_folders_are_walked_by_name(folder: Path) -> None:
    expected = ["a.webp", "b/1.PNG", "b/2.jpg", "c[1].gif", "link.jpg"]
    assert names(folder, folder) == expected
    assert names(folder, f"{folder}/") == expected


def test_patterns(folder: Path) -> None:
    assert names(folder, f"{folder}/b/*.*") == ["b/1.PNG", "b/2.jpg"]
    assert names(folder, f"{folder}/**/*.jpg")[0] == "b/2.jpg"
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
    errors = [source.error for source in iter_inputs(folder) if source.error]
    assert errors == ["the folder cannot be read: Permission denied"]
