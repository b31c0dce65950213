"""Folders with one sub-folder a class."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.folder import dataset_from_files
from foveal.dataset.listing import FolderListing, ListedFile, list_files
from foveal.dataset.open import open_dataset
from foveal.doctor.check import run_checks
from foveal.doctor.findings import Finding

HOSTILE = Path(__file__).parents[2] / "data" / "hostile"


def findings(dataset: Dataset) -> dict[str, Finding]:
    return {finding.kind: finding for finding in run_checks(dataset).findings}


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
    assert found.notes == (
        "2 files ignored: not an image in a class folder",
        "3 hidden, system or readme files and folders skipped: .git (1), Thumbs.db (1), "
        ".hidden.png (1)",
    )


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
        ("a/loop", "a symbolic link to a folder above it"),
        ("a/self", "cannot be opened: symbolic links that lead to each other"),
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
    files = list(list_files(root))
    assert sum(file.reason is None for file in files) < 20
    assert {file.reason for file in files} == {
        None,
        "a symbolic link to a folder above it",
        "a symbolic link in a linked folder, to a folder that is listed already",
    }


def test_many_links_to_one_folder_end(images):
    root = images("pool/1.png")
    for number in range(25):
        (root / f"to-{number}").symlink_to("pool", target_is_directory=True)
    files = list(list_files(root))
    assert sum(file.reason is None for file in files) == 21
    assert {file.reason for file in files} == {None, "more than 20 symbolic links to one folder"}


def test_one_pool_linked_twice_is_listed_twice(images):
    root = images("../pool/cat/1.png ../pool/dog/1.png")
    for split in ("train", "val"):
        (root / split).mkdir(parents=True)
        for name in ("cat", "dog"):
            (root / split / name).symlink_to(f"../../pool/{name}", target_is_directory=True)
    found = open_dataset(root)
    assert found.paths == ("train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png")
    assert found.splits == ("train", "train", "val", "val")
    assert found.unusable == ()
    assert {kind: finding.pairs for kind, finding in findings(found).items() if finding.pairs} == {
        "duplicates": (("train/cat/1.png", "val/cat/1.png"), ("train/dog/1.png", "val/dog/1.png")),
        "leak": (("train/cat/1.png", "val/cat/1.png"), ("train/dog/1.png", "val/dog/1.png")),
    }


def test_one_folder_linked_to_two_classes_is_a_label_conflict(images):
    root = images("../pool/1.png other/1.png")
    for name in ("good", "bad"):
        (root / name).symlink_to("../pool", target_is_directory=True)
    found = open_dataset(root)
    assert found.classes == ("bad", "good", "other")
    assert findings(found)["label_conflict"].pairs == (("bad/1.png", "good/1.png"),)


SYSTEM_LEFTOVERS = """
    a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg @eaDir/x.jpg $RECYCLE.BIN/S-1-5/$R1.jpg
    System_Volume/1.png __MACOSX/a/._1.png lost+found/1.png .AppleDouble/1.png a/._1.jpg
    b/.ipynb_checkpoints/1.png .Trash-1000/1.png #recycle/1.png .thumbnails/1.png
    a/Thumbnails/1.png RECYCLER/1.png @Recycle/1.png
"""


def test_what_systems_and_nas_devices_leave_is_never_a_class_or_an_image(
    images, tmp_path: Path, zipped, tarred
):
    root = images("a/1.png b/1.png " + SYSTEM_LEFTOVERS)
    (root / "System_Volume").rename(root / "System Volume Information")
    (root / "a" / "THUMBS.DB").touch()
    (root / "b" / "desktop.ini").touch()
    found = open_dataset(root)
    assert found.paths == ("a/1.png", "b/1.png")
    assert found.notes == (
        "17 hidden, system or readme files and folders skipped: @eaDir (2), #recycle (1), "
        "$RECYCLE.BIN (1), .AppleDouble (1), .Trash-1000 (1) and 11 more",
    )
    for archive in (zipped(root, tmp_path / "x.zip"), tarred(root, tmp_path / "x.tar")):
        assert open_dataset(archive).paths == ("a/1.png", "b/1.png")
        assert open_dataset(archive).notes[0].startswith("17 hidden, system or readme files")


def test_class_names_are_kept_composed(images, tmp_path: Path):
    root = images("고양이/1.png 강아지/1.png")
    decomposed = unicodedata.normalize("NFD", "고양이")
    shutil.copytree(root / "강아지", root / decomposed)
    found = open_dataset(root)
    assert found.classes == ("강아지", "고양이")
    assert {found.read(row) is not None for row in range(3)} == {True}
    assert f"{decomposed}/1.png" in found.paths
    assert [note.text for note in found.layout_notes] == [
        "1 class is written in two Unicode forms (composed and decomposed) and taken as one: "
        "'고양이'"
    ]
    (root / "t.csv").write_text(
        f"path,label\n고양이/1.png,고양이\n강아지/1.png,{decomposed}|고양이\n"
    )
    table = open_dataset(root / "t.csv")
    assert table.labels == (("고양이",), ("고양이",))


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


def test_names_of_any_bytes(images, tmp_path: Path, zipped):
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


def test_folders_without_images_are_named(images, tmp_path: Path):
    root = images("cat/1.png dog/deep/1.png @eaDir/1.png")
    for name in ("bird", "10", "9", ".git", "lost+found", "fish/deep", "dog/empty"):
        (root / name).mkdir(parents=True)
    (root / "fish" / "notes.txt").write_text("none yet")
    (root / "annotations").mkdir()
    (root / "annotations" / "a.json").write_text("{}")
    (root / "runs" / "d").mkdir(parents=True)
    (root / "runs" / "d" / "model.safetensors").write_text("")
    archives = [
        Path(shutil.make_archive(str(tmp_path / "x"), kind, root)) for kind in ("zip", "tar")
    ]
    for data in (root, *archives):
        found = open_dataset(data)
        assert found.classes == ("cat", "dog")
        assert found.empty_classes == ("9", "10", "bird", "fish")
        finding = findings(found)["empty_class"]
        assert (finding.severity, finding.count) == ("warning", 4)
        assert finding.advice == (
            "No usable image of '9', '10', 'bird', 'fish': add some, or remove the class."
        )


def test_folders_without_images_are_found_in_one_pass_over_the_files():
    class Files(list[ListedFile]):
        passes = 0

        def __iter__(self):
            Files.passes += 1
            return super().__iter__()

    def passes(empty: int) -> int:
        files = Files(ListedFile((name, "1.png")) for name in ("cat", "dog"))
        folders = [("cat",), ("dog",), *((f"class {number}",) for number in range(empty))]
        Files.passes = 0
        found = dataset_from_files(Path("data"), FolderListing(files, folders=folders))
        assert len(found.empty_classes) == empty
        return Files.passes

    assert passes(50) == passes(1)


def test_in_splits_a_folder_without_images_is_named_where_no_split_has_the_class(images):
    root = images("all/train/cat/1.png all/train/dog/1.png all/val/cat/1.png")
    for name in ("train/bird", "val/dog", "val/fish", "test/cat", "runs"):
        (root / "all" / name).mkdir(parents=True)
    found = open_dataset(root)
    assert found.empty_classes == ("bird", "fish")
    assert "class_missing" in findings(found)


def test_archives_beside_images_are_told(images):
    root = images("cat/1.png dog/1.png")
    for name in ("dog.zip", "more/fish.tar.gz"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"PK")
    assert open_dataset(root).notes == (
        "2 files ignored: not an image in a class folder",
        "2 archives not opened: dog.zip, more/fish.tar.gz; unpack them where they hold images",
    )
    (root / "dog.zip").unlink()
    assert open_dataset(root).notes[1] == (
        "1 archive not opened: more/fish.tar.gz; unpack it where it holds images"
    )


def test_a_split_without_any_image_is_named(images):
    root = images("all/train/cat/1.png all/train/dog/1.png all/val/cat/1.png all/val/dog/1.png")
    (root / "all" / "Test" / "cat").mkdir(parents=True)
    (root / "all" / "docs").mkdir()
    note = open_dataset(root).layout_notes[-1]
    assert note.is_warning
    assert note.text == (
        "no image in 'all/Test', called as a split is: add some, or remove the folder"
    )
    (root / "all" / "holdout").mkdir()
    assert open_dataset(root).layout_notes[-1].text == (
        "no image in 'all/Test', 'all/holdout', called as splits are: add some, or remove the "
        "folders"
    )
    (root / "all" / "holdout").rmdir()
    (root / "all" / "Test").rename(root / "all" / "other")
    assert not any(note.is_warning for note in open_dataset(root).layout_notes)
    assert open_dataset(images("x/a/1.png x/b/1.png") / "x").layout_notes == ()
