"""Dropped folders: their classes and splits are those that the folder reader gives."""

import pytest

from foveal.dataset.open import open_dataset
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
