"""Paths of tables that are not written as the files are called here."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.errors import DataError, UsageError


def _table(path: Path, names: list[str]) -> Path:
    rows = (f'"{name}",{"ab"[row % 2]}\n' for row, name in enumerate(names))
    path.write_text("path,label\n" + "".join(rows))
    return path


def _notes(dataset: Dataset) -> tuple[str, ...]:
    return tuple(note.text for note in dataset.layout_notes)


def test_windows_paths_and_escapes_are_read(images):
    root = images("images/1.png")
    (root / "images" / "1.png").rename(root / "images" / "a b.png")
    table = _table(root / "t.csv", ["images\\a b.png"])
    found = open_dataset(table)
    assert found.paths == ("images/a b.png",)
    assert _notes(found) == (
        f"in {table}: 1 path with \\ read as /: images\\a b.png is images/a b.png",
    )
    assert found.read(0)
    _table(table, ["images/a%20b.png", "images\\a%20b.png"])
    with pytest.raises(DataError, match="gives the same image different labels"):
        open_dataset(table)
    _table(table, ["images/a%20b.png"])
    assert _notes(open_dataset(table)) == (
        f"in {table}: 1 path with escapes such as %20 read as characters: images/a%20b.png is "
        "images/a b.png",
    )


def test_a_name_with_a_backslash_stays(images):
    root = images("1.png")
    (root / "1.png").rename(root / "a\\b%20.png")
    found = open_dataset(_table(root / "t.csv", ["a\\b%20.png"]))
    assert (found.paths, _notes(found)) == (("a\\b%20.png",), ())


def test_ids_without_suffix_are_looked_for_once(images):
    root = images("train/001.png train/002.png other/001.png masks/002.png")
    table = _table(root / "t.csv", ["001", "002"])
    found = open_dataset(table)
    assert found.paths == ("train/001.png", "train/002.png")
    assert _notes(found) == (
        f"in {table}: 2 paths with another spelling or no suffix found in {root}: 001 is "
        "train/001.png",
    )
    assert all(found.read(row) for row in range(2))


def test_a_name_of_several_files_is_a_question(images):
    root = images("train/001.png train/002.png test/001.png test/002.png")
    table = _table(root / "t.csv", ["001", "002"])
    with pytest.raises(DataError) as error:
        open_dataset(table)
    assert str(error.value) == (
        f"{table}: '001' is the name of 2 files, test/001.png, train/001.png (2 such names); write "
        "the folder and the suffix, or name the folder of the images with --root DIR (root= in "
        "Python)"
    )
    found = open_dataset(table, root=root / "train")
    assert (found.root, found.paths) == (root / "train", ("001.png", "002.png"))


def test_case_and_unicode_form_do_not_hide_a_file(images):
    root = images("a/1.png a/2.png")
    (root / "a" / "1.png").rename(root / "a" / unicodedata.normalize("NFD", "각.png"))
    found = open_dataset(_table(root / "t.csv", ["a/각.PNG", "A/2.png", "a/3.png"]))
    assert found.paths == (unicodedata.normalize("NFD", "a/각.png"), "a/2.png", "a/3.png")


def test_a_missing_file_is_not_replaced_by_one_elsewhere(images):
    root = images("1.png other/2.png")
    found = open_dataset(_table(root / "t.csv", ["1.png", "2.png"]))
    assert (found.paths, _notes(found)) == (("1.png", "2.png"), ())


@pytest.mark.parametrize(
    "prefix", ["C:\\Users\\me\\data\\", "/home/me/data/", "file:///home/me/data/", "D:/x/"]
)
def test_root_replaces_the_folders_of_another_machine(images, prefix: str):
    root = images("images/a/1.png images/b/1.png")
    names = [f"{prefix}images/a/1.png", f"{prefix}images/b/1.png"]
    if "\\" in prefix:
        names = [name.replace("/", "\\") for name in names]
    table, given = _table(root / "t.csv", names), names[0].removeprefix("file://")
    with pytest.raises(DataError) as error:
        open_dataset(table)
    assert str(error.value) == (
        f"{table}: no file that it names exists in {root} (the first of 2 is '{given}'); name "
        "the folder of the images with --root DIR (root= in Python)"
    )
    found = open_dataset(table, root=root)
    assert found.paths == ("images/a/1.png", "images/b/1.png")
    assert _notes(found) == (
        f"in {table}: 2 paths with folders replaced by {root}: {given} is images/a/1.png",
    )
    assert open_dataset(table, root=root / "images").paths == ("a/1.png", "b/1.png")


def test_root_may_be_inside_the_folders_of_relative_paths(images):
    root = images("images/a/1.png images/b/1.png")
    table = _table(root / "t.csv", ["data/images/a/1.png", "data\\images\\b\\1.png"])
    found = open_dataset(table, root=root / "images")
    assert found.paths == ("a/1.png", "b/1.png")
    assert _notes(found) == (
        f"in {table}: 2 paths with folders replaced by {root}/images: data/images/a/1.png is "
        "a/1.png",
    )
    _table(table, ["a/1.png", "b/1.png"])
    assert _notes(open_dataset(table, root=root / "images")) == ()


def test_root_is_for_tables(images, tmp_path: Path):
    root = images("a/1.png")
    with pytest.raises(UsageError) as error:
        open_dataset(root, root=root)
    assert str(error.value) == (
        f"--root is the folder of the images that a table names, but DATA is {root}; give a table "
        "(.csv, .tsv, .jsonl, .parquet), or leave --root out"
    )
    with pytest.raises(UsageError) as error:
        open_dataset("s3://bucket/t.parquet", root=root)
    assert str(error.value) == (
        "--root is the folder of the images that a table on this machine names, but DATA is "
        "s3://bucket/t.parquet; download it and give the file, or leave --root out"
    )
    table = _table(root / "t.csv", ["1.png"])
    with pytest.raises(UsageError) as error:
        open_dataset(table, root=tmp_path / "no")
    assert str(error.value) == (
        f"--root {tmp_path}/no is not a folder; give the folder of the table's images"
    )


def test_tables_in_archives_are_read_alike(images, tmp_path: Path):
    root = images("train/001.png train/002.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("train/001.png", "train/002.png"):
            archive.write(root / name, name)
        archive.writestr("t.csv", "path,label\n001,a\ntrain\\002.png,b\n003,a\n")
    found = open_dataset(tmp_path / "x.zip")
    assert found.paths == ("train/001.png", "train/002.png")
    assert [item.path for item in found.unusable] == ["003"]
    assert all(found.read(row) for row in range(2))
