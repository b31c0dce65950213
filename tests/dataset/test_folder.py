"""Folders with one sub-folder a class."""

from __future__ import annotations

import os
import shutil
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def zipped(root: Path, out: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                file.write(path, prefix + path.relative_to(root).as_posix())
    return out


def tarred(root: Path, out: Path) -> Path:
    with tarfile.open(out, "w") as file:
        file.add(root, arcname=".")
    return out


def test_a_folder_a_class_in_natural_order(images):
    root = images("10/a.png 2/b.png 1/c.png 2/a.png 1/deep/er/d.png")
    found = open_dataset(root)
    assert found.classes == ("1", "2", "10")
    assert found.paths == ("1/c.png", "1/deep/er/d.png", "2/a.png", "2/b.png", "10/a.png")
    assert found.labels == (("1",), ("1",), ("2",), ("2",), ("10",))
    assert set(found.splits) == {None}
    assert found.task == "single"


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_splits_above_the_classes(images, name: str):
    found = open_dataset(images(f"train/a/1.png train/b/1.png {name}/a/1.png test/a/1.png"))
    assert found.splits == ("test", "train", "train", "val") or found.splits == (
        "val",
        "test",
        "train",
        "train",
    )
    assert found.classes == ("a", "b")


def test_a_class_may_be_called_train(images):
    found = open_dataset(images("train/1.png bus/1.png plane/1.png"))
    assert found.classes == ("bus", "plane", "train")
    assert set(found.splits) == {None}


def test_files_that_are_no_images_are_left_aside(images):
    root = images("a/1.png b/1.png b/.hidden.png .git/x/1.png stray.png")
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    (root / "a" / "notes.txt").write_text("x")
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png")
    assert found.notes == ("2 files ignored: not an image in a class folder",)


def test_symbolic_links_fifos_and_locked_folders(images, tmp_path: Path):
    root = images("a/1.png b/1.png")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "a" / "self").symlink_to("self")
    (root / "b" / "nowhere.png").symlink_to("nothing.png")
    (root / "b" / "again.png").symlink_to(root / "a" / "1.png")
    os.mkfifo(root / "b" / "pipe.png")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(root / "a" / "1.png", elsewhere / "9.png")
    (root / "c").symlink_to(elsewhere, target_is_directory=True)
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png", "b/again.png", "c/9.png")
    assert {(one.path, one.reason) for one in found.unusable} == {
        ("a/self", "cannot be opened: a symbolic link that leads nowhere"),
        ("b/nowhere.png", "cannot be opened: a symbolic link that leads nowhere"),
        ("b/pipe.png", "not a regular file"),
    }


def test_links_between_folders_end(images):
    root = images("a/1.png b/1.png")
    for one in "abcdefgh":
        (root / one).mkdir(exist_ok=True)
    for one in "abcdefgh":
        for other in "abcdefgh":
            (root / one / f"to-{other}").symlink_to(root / other, target_is_directory=True)
    assert len(open_dataset(root)) < 20


def test_folders_deeper_than_any_layout_are_told_and_not_entered(images):
    root = images("a/1.png b/1.png")
    deep = root / "a" / "/".join("d" * 600)
    deep.mkdir(parents=True)
    (deep / "2.png").write_bytes(b"x")
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png")
    ((path, reason),) = [(one.path, one.reason) for one in found.unusable]
    assert reason == "a folder more than 100 levels deep"
    assert path == "a" + "/d" * 100


def test_names_of_any_bytes(images, tmp_path: Path):
    root = images("a/1.png b/1.png")
    nfc, nfd = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    for name in (nfc, nfd, "new\nline.png", "한글.png", "a" * 250 + ".png"):
        shutil.copy(root / "a" / "1.png", root / "a" / name)
    shutil.copy(root / "a" / "1.png", os.fsencode(root / "a") + b"/\xff\xfe.png")
    found = open_dataset(root)
    assert len(found) == 8
    assert all(found.read(row) for row in range(8))
    assert len(found.fingerprint(range(8))) == 32
    again = zipped(root / "b", tmp_path / "b.zip", prefix="b/")
    assert open_dataset(again).paths == ("b/1.png",)
