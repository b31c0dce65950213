"""Dropped folders: their classes and splits are those that the folder reader gives."""

import re

import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import DataError
from foveal.studio.uploads.layout import read_upload_layout


def folders_of(*names):
    """The folders of files by their paths, as the page sends them."""
    folders = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, []).append(file)
    return folders


def places(layout):
    return {path: (place.label, place.split) for path, place in layout.places.items()}


@pytest.mark.parametrize(
    "names",
    [
        ["cat/1.png", "dog/2.png"],
        ["train/cat/1.png", "val/cat/2.png", "test/dog/3.png"],
        ["Training Set/cat/1.png", "valid/dog/2.png"],
        ["validation/cat/1.png", "test/cat/2.png", "extra/3.png"],
        ["data/train/cat/1.png", "data/test/cat/2.png"],
        ["cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png"],
        ["cat/a/1.png", "cat/b/2.png", "dog/3.png"],
        ["cat/1.png", "dog/2.png", "loose.png", "cat/notes.txt", "cat/Thumbs.db"],
    ],
    ids=lambda names: names[0],
)
def test_a_folder_is_read_as_one_of_this_machine(tmp_path, names):
    root = tmp_path / "photos"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    dataset = open_dataset(root)
    rows = zip(dataset.paths, dataset.labels, dataset.splits, strict=True)
    wanted = {
        f"photos/{path}".rpartition("/")[0]: (labels[0], split) for path, labels, split in rows
    }
    dropped = sorted(f"photos/{name}" for name in names)
    layout = read_upload_layout(folders_of(*dropped))
    assert places(layout) == wanted
    assert layout.notes == [*dataset.notes, *(note.text for note in dataset.layout_notes)]
    used = {f"photos/{path}" for path in dataset.paths}
    assert {*layout.ignored} == {f"photos/{name}" for name in names} - used
    assert layout.whole == ["photos"]


def test_folders_without_folders_are_classes():
    layout = read_upload_layout(folders_of("cat/1.png", "cat/2.png", "dog/3.png", "dog/notes.txt"))
    assert places(layout) == {"cat": ("cat", None), "dog": ("dog", None)}
    assert (layout.ignored, layout.whole) == (["dog/notes.txt"], [])


def test_splits_that_are_dropped_together_are_read_together():
    names = ["train/cat/1.png", "valid/cat/2.png", "testing/dog/3.png", "birds/4.png"]
    layout = read_upload_layout(folders_of(*names))
    assert places(layout) == {
        "train/cat": ("cat", "train"),
        "valid/cat": ("cat", "val"),
        "testing/dog": ("dog", "test"),
        "birds": ("birds", None),
    }
    assert layout.whole == []


CSV = b"path,label\n1.png,cat\n2.png,dog\n"


def read(names, **tables):
    contents = {f"{name.replace('_', '/')}.csv": table for name, table in tables.items()}
    return read_upload_layout(folders_of(*names), contents)


def files(layout):
    return {path: tuple(file) for path, file in layout.files.items()}


def test_the_contents_of_tables_are_asked_for_first():
    names = ["data/labels.csv", "data/images/1.png", "train/metadata.jsonl", "cat/1.png"]
    names += ["several/a.csv", "several/b.csv", "test/metadata.csv"]
    layout = read_upload_layout(folders_of(*names))
    assert layout.tables == ["test/metadata.csv", "train/metadata.jsonl", "data/labels.csv"]
    assert (layout.places, layout.files, layout.ignored) == ({}, {}, [])


def test_a_table_in_a_dropped_folder_gives_label_split_and_group():
    table = b"path,label,split,group\na/1.png,cat,val,g\nb/2.png,dog,test,\nb/3.png,dog,train,\n"
    names = ["data/labels.csv", "data/a/1.png", "data/b/2.png", "data/b/4.png", "birds/5.png"]
    layout = read(names, data_labels=table)
    assert files(layout) == {
        "data/a/1.png": ("cat", "val", "g"),
        "data/b/2.png": ("dog", "test", None),
    }
    assert places(layout) == {"birds": ("birds", None)}
    assert layout.ignored == ["data/labels.csv", "data/b/4.png"]
    assert layout.whole == ["data"]
    assert layout.notes == ["1 image ignored: not listed in the table"]
    assert layout.added.skipped == [("b/3.png", "not in the folder")]


def test_a_table_beside_loose_images_labels_them_and_folders_dropped_with_it():
    table = CSV + b"more/3.png,bird\n"
    layout = read(["labels.csv", "1.png", "2.png", "more/3.png"], labels=table)
    assert files(layout) == {
        "1.png": ("cat", None, None),
        "2.png": ("dog", None, None),
        "more/3.png": ("bird", None, None),
    }
    assert (layout.ignored, layout.whole, places(layout)) == (["labels.csv"], ["labels.csv"], {})


def test_a_table_of_something_else_leaves_class_folders_as_they_are():
    names = ["data/sizes.csv", "data/cat/1.png", "data/dog/2.png"]
    layout = read(names, data_sizes=b"name,size\nx,1\n")
    assert files(layout) == {
        "data/cat/1.png": ("cat", None, None),
        "data/dog/2.png": ("dog", None, None),
    }
    assert layout.notes == [
        "1 file ignored: not an image in a class folder",
        "the folders are the classes, as there are no columns file_name and label in "
        "data/sizes.csv",
    ]


@pytest.mark.parametrize("loose", ["", "data/"])
def test_of_several_tables_none_is_read_and_that_is_told(loose):
    layout = read_upload_layout(folders_of(*(loose + name for name in ("a.csv", "b.csv", "1.png"))))
    where = loose.rstrip("/") or "the dropped files"
    assert layout.notes == [
        f"no table is read, as there are 2 in {where}: 'a.csv', 'b.csv'; leave only the one with "
        "the columns path and label"
    ]
    assert places(layout) == {loose.rstrip("/"): (loose.rstrip("/") or None, None)}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            b"name,kind\n1.png,cat\n",
            "data/labels.csv has no column 'path' and no column 'label'; it has 'name', 'kind': "
            "name the columns path, label and optionally split and group",
        ),
        (
            b"path,label\nx.png,cat\n",
            "data/labels.csv: no file that it names exists in data (the first of 1 is 'x.png'); "
            "write the paths as they are in the folder",
        ),
        (
            b"path,label\n1.png,a|b\n2.png,a\n",
            "1.png has 2 labels, and a project of the studio has one class an image: use "
            "'foveal train' for several labels an image",
        ),
        (b"", "data/labels.csv is empty; its first line must name the columns path and label"),
    ],
)
def test_a_wrong_table_is_refused(table, sentence):
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        read(["data/labels.csv", "data/1.png", "data/2.png"], data_labels=table)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["train/1.png", "test/2.png"], {"train": (None, "train"), "test": (None, "test")}),
        (["test/cat/1.png", "test/b/2.png"], {"test/cat": ("cat", None), "test/b": ("b", None)}),
        (["test/1.png"], {"test": (None, None)}),
    ],
)  # fmt: skip
def test_the_name_of_a_split_is_no_class(names, wanted):
    assert places(read_upload_layout(folders_of(*names))) == wanted


def test_why_folders_are_no_classes_is_told():
    names = ["my/train_cat/1.png", "my/test_cat/2.png"]
    layout = read_upload_layout(folders_of(*names))
    assert places(layout) == {"my/train_cat": (None, None), "my/test_cat": (None, None)}
    assert layout.notes == [
        "the layout of my is open: the names of the folders 'train_cat', 'test_cat' say a split "
        "and something else: make folders train, val and test with the class folders in them, or "
        "give a table with the columns path, label and split"
    ]
