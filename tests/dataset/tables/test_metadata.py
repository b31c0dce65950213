"""Folders that a table in them labels: the imagefolder layout of the datasets library."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset
from foveal.dataset.tables.metadata import has_labels
from foveal.errors import DataError


def _csv(folder: Path, labels: dict[str, str], head: str = "file_name,label") -> Path:
    path = folder / "metadata.csv"
    path.write_text(head + "\n" + "".join(f"{name},{label}\n" for name, label in labels.items()))
    return path


def test_a_table_beside_the_images_labels_them(images):
    root = images("1.png 2.png 3.png")
    table = _csv(root, {"1.png": "cat", "2.png": "dog"})
    found = open_dataset(root)
    assert (found.root, found.paths) == (root, ("1.png", "2.png"))
    assert (found.labels, found.splits) == ((("cat",), ("dog",)), (None, None))
    assert found.notes == ("1 image ignored: not listed in the table",)
    assert [note.text for note in found.layout_notes] == [f"labels are those of {table}"]
    assert open_dataset(table).labels == found.labels
    lines = [{"file_name": f"{n}.png", "label": one} for n, one in ((1, "cat"), (2, "dog"))]
    (root / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert open_dataset(root).labels == found.labels
    (root / "metadata.jsonl").write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"{table} and {root}/metadata.jsonl do not give the same labels; give one of them as "
        "DATA, or delete the other"
    )


def test_each_split_may_have_its_own_table(images):
    root = images("train/1.png train/2.png Validation/1.png")
    (root / "train" / "metadata.csv").write_text("file_name,label,n\n1.png,a,3\n2.png,b,\n")
    _csv(root / "Validation", {"1.png": "b"})
    found = open_dataset(root)
    assert found.paths == ("Validation/1.png", "train/1.png", "train/2.png")
    assert found.splits == ("val", "train", "train")
    assert found.labels == (("b",), ("a",), ("b",))
    assert found.extra_columns == {"n": ("", "3", "")}
    assert all(found.read(row) for row in range(3))


def test_folders_in_the_paths_of_one_table_are_splits(images):
    root = images("train/1.png test/1.png")
    _csv(root, {"train/1.png": "a", "test/1.png": "b"})
    assert open_dataset(root).splits == ("train", "test")
    with zipfile.ZipFile(root / "x.zip", "w") as archive:
        for name in ("train/1.png", "test/1.png", "metadata.csv"):
            archive.write(root / name, name)
    assert open_dataset(root / "x.zip").splits == ("train", "test")


def test_a_table_without_labels_leaves_the_folders_as_classes(images):
    root = images("a/1.png b/1.png")
    table = _csv(root, {"a/1.png": "a plane"}, "file_name,text")
    found = open_dataset(root)
    assert found.classes == ("a", "b")
    assert found.layout_notes[-1].text == (
        f"the folders are the classes, as there are no columns file_name and label in {table}"
    )
    flat = images("1.png")
    table = _csv(flat, {"1.png": "a plane"}, "file_name,text")
    (flat / "a" / "1.png").unlink()
    (flat / "b" / "1.png").unlink()
    with pytest.raises(DataError) as error:
        open_dataset(flat)
    assert str(error.value) == (
        f"{table} has no column 'label'; it has 'path', 'text': name the columns path, label and "
        "optionally split and group"
    )


def test_whether_columns_are_those_of_a_table_of_images():
    assert has_labels(["Filename", "class", "x"], "t.csv")
    assert not has_labels(["name", "size"], "t.csv")
    with pytest.raises(DataError) as caught:
        has_labels(["image", "file", "label"], "t.csv")
    assert str(caught.value) == (
        "t.csv has no column 'path' but 2 that may be it: 'image', 'file'; call the one that is "
        "'path'"
    )
