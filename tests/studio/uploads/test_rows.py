"""A data set as rows of a project."""

import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import LayoutNote, UnusableFile
from foveal.errors import DataError
from foveal.studio.uploads.added import Added
from foveal.studio.uploads.rows import class_name, dataset_rows


def test_labels_splits_and_groups_come_along_and_what_is_missing_is_filled(tmp_path):
    dataset = Dataset(
        root=tmp_path,
        paths=("a.png", "b.png"),
        labels=(("cat",), ()),
        splits=("test", None),
        groups=(None, "g"),
        unusable=(UnusableFile("c.png", "empty file"),),
        notes=("1 file ignored",),
        layout_notes=(LayoutNote("read so"),),
    )
    added = Added()
    rows = dataset_rows(dataset, added, label="dog", group="burst")
    assert [row[:4] for row in rows] == [
        ("a.png", "cat", 3, "burst"),
        ("b.png", "dog", 0, "g"),
    ]
    assert added.skipped == [("c.png", "empty file")]
    assert added.notes == ["1 file ignored", "read so"]


def test_several_labels_an_image_are_refused(tmp_path):
    dataset = Dataset(tmp_path, ("a.png", "b\n.png"), (("cat",), ("cat", "dog")), task="multi")
    with pytest.raises(DataError) as caught:
        dataset_rows(dataset, Added())
    assert str(caught.value) == (
        r"b\n.png has 2 labels, and a project of the studio has one class an image: use 'foveal "
        "train' for several labels an image"
    )


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (" cat ", "cat"),
        ("a\nb", r"a\nb"),
        ("\udcff", r"\udcff"),
        (" ", "(blank)"),
        ("x" * 255, "x" * 255),
    ],
)
def test_any_folder_gives_a_class_name_that_can_be_shown(folder, name):
    assert class_name(folder) == name


def test_groups_that_look_alike_are_one_and_can_be_shown(tmp_path):
    groups = ("e\u0301", "\u00e9", "a\n\u202e", " \t", "é" * 300)
    dataset = Dataset(tmp_path, tuple("12345"), (("cat",),) * 5, groups=groups)
    found = [row.group for row in dataset_rows(dataset, Added())]
    assert found[:4] == ["\u00e9", "\u00e9", r"a\n\u202e", None]
    assert len(found[4]) == 255
