"""Other names of the columns path and label; the ambiguous ones are a question."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.tables.column_aliases import ALIASES, apply_aliases, is_alias
from foveal.errors import DataError


@pytest.mark.parametrize("path", ["image", "Filename", "file_path", "IMG", "image id", "imageName"])
@pytest.mark.parametrize("label", ["class", "Labels", "category", "TARGET", "class_name"])
def test_one_column_that_may_be_it_is_taken_and_told(path: str, label: str):
    assert apply_aliases([path, "n", label], "t.csv") == (
        ["path", "n", "label"],
        [
            f"in t.csv: the column '{path}' is read as path",
            f"in t.csv: the column '{label}' is read as label",
        ],
    )


@pytest.mark.parametrize(
    ("names", "renamed"),
    [
        (["path", "label", "class", "image"], ["path", "label", "class", "image"]),
        (["file_name", "image", "label"], ["path", "image", "label"]),
        (["File_Name", "label"], ["path", "label"]),
        (["id", "breed"], ["id", "breed"]),
    ],
)
def test_the_usual_names_go_first(names: list[str], renamed: list[str]):
    assert apply_aliases(names, "t.csv") == (renamed, [])


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (
            ["image", "filename", "label"],
            "t.csv has no column 'path' but 2 that may be it: 'image', 'filename'; call the one "
            "that is 'path'",
        ),
        (
            ["path", "class", "Category", "target"],
            "t.csv has no column 'label' but 3 that may be it: 'class', 'Category', 'target'; call "
            "the one that is 'label'",
        ),
    ],
)
def test_several_that_may_be_it_are_a_question(names: list[str], problem: str):
    with pytest.raises(DataError) as error:
        apply_aliases(names, "t.csv")
    assert str(error.value) == problem


def test_boxes_are_told():
    assert apply_aliases(["path", "label", "xmin", "ymin", "xmax", "ymax"], "t.csv")[1] == [
        "in t.csv: the columns 'xmin', 'ymin', 'xmax', 'ymax' look like boxes around objects and "
        "are not used: a row's label is that of the whole image"
    ]


def test_no_alias_means_two_things():
    assert not set(ALIASES["path"]) & set(ALIASES["label"])
    assert is_alias("File Path") and is_alias("classes") and not is_alias("split")


def test_tables_of_other_tools_are_data(images):
    root = images("a/1.png b/2.png")
    (root / "t.csv").write_text("image,class\na/1.png,x\nb/2.png,y\n")
    found = open_dataset(root / "t.csv")
    assert (found.paths, found.labels) == (("a/1.png", "b/2.png"), (("x",), ("y",)))
    assert [note.text for note in found.layout_notes] == [
        f"in {root}/t.csv: the column 'image' is read as path",
        f"in {root}/t.csv: the column 'class' is read as label",
    ]
    (root / "t.jsonl").write_text('{"img": "a/1.png", "category": "x"}\n')
    assert open_dataset(root / "t.jsonl").labels == (("x",),)
    assert Dataset.from_columns(root, {"filepath": ["a/1.png"], "target": [1]}).labels == (("1",),)


def test_two_columns_of_one_name_are_a_question(images):
    root: Path = images("1.png")
    (root / "t.csv").write_text("image,class,class\n1.png,x,y\n")
    with pytest.raises(DataError) as error:
        open_dataset(root / "t.csv")
    assert str(error.value) == f"{root}/t.csv has 2 columns 'class'; keep one"
