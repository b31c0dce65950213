"""The images of a run: files of a folder, and members of an archive that are still there."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from foveal.dataset.run_images import open_run_images
from foveal.errors import DataError
from foveal.rundir import RunImage

IMAGES = [RunImage(f"{name}/1.png", (name,)) for name in ("cat", "dog", "eel")]


def test_of_a_folder_all_are_rows_whether_they_are_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/1.png").write_bytes(b"cat")
    dataset, images = open_run_images(tmp_path, IMAGES)
    assert images == tuple(IMAGES)
    assert dataset.paths == ("cat/1.png", "dog/1.png", "eel/1.png")
    assert dataset.labels == (("cat",), ("dog",), ("eel",))
    assert dataset.read(0) == b"cat"


def test_of_an_archive_those_that_are_still_in_it_with_the_labels_of_the_run(
    tmp_path: Path,
) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("eel", "ant", "cat"):
            file.writestr(f"{name}/1.png", name)
    images = [IMAGES[1], IMAGES[0], RunImage("eel/1.png", ("fish",))]
    dataset, found = open_run_images(archive, images)
    assert found == tuple(images[1:])
    assert dataset.paths == ("cat/1.png", "eel/1.png")
    assert dataset.labels == (("cat",), ("fish",))
    assert [dataset.read(row) for row in range(2)] == [b"cat", b"eel"]


def test_an_archive_that_is_none(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"none")
    with pytest.raises(DataError):
        open_run_images(archive, IMAGES)
