"""What is said of folders that can be read in more than one way."""

from __future__ import annotations

from foveal.dataset.folders import layout_tree
from foveal.dataset.folders.layout import Layout, read_layout
from foveal.dataset.folders.split_folders import compared_name


def layout_of(paths: str) -> Layout:
    """The layout of folders with five images each."""
    return read_layout({tuple(path.split("/")): 5 for path in paths.split()})


def test_the_same_folders_in_folders_of_unknown_names_are_a_question() -> None:
    assert layout_of("first/cat first/dog second/Cat second/dog").problem == (
        "the folders 'first', 'second' hold the same folders 'cat', 'dog', so it is open which are "
        "the classes: call folders that are splits train, val and test, or keep only the class "
        "folders at the top, or give a table with the columns path, label and split"
    )
    assert layout_of("bottle/train/good bottle/test/good cup/train/good cup/test/good").problem
    assert layout_of("cat/images dog/images").problem == ""


def test_the_names_of_many_folders_are_compared_once_each(monkeypatch) -> None:
    compared = []

    def counted(name: str) -> str:
        compared.append(name)
        return compared_name(name)

    monkeypatch.setattr(layout_tree, "compared_name", counted)
    classes = [f"class {number}" for number in range(100)]
    folders = {(top, name): 5 for top in ("first", "second") for name in classes}
    assert read_layout(folders).problem.startswith("the folders 'first', 'second' hold the same")
    assert len(compared) == len(folders)


def test_one_split_beside_other_folders_is_a_question() -> None:
    assert layout_of("train/cat train/dog pool").problem == (
        "'train' is called as splits are, but beside it lies 'pool': call every split train, val "
        "or test and move other folders elsewhere, or rename folders that are classes, or give a "
        "table with the columns path, label and split"
    )
    assert layout_of("train/cat train/dog pool/cat pool/dog").problem.startswith("'train' is")
    assert layout_of("train test bus").problem.startswith("'train', 'test' are called as")


def test_names_that_say_split_and_class_are_a_question() -> None:
    assert layout_of("train_cat train_dog test_cat").problem == (
        "the names of the folders 'train_cat', 'train_dog', 'test_cat' say a split and something "
        "else: make folders train, val and test with the class folders in them, or give a table "
        "with the columns path, label and split"
    )
    assert layout_of("train_engine train_wagon").problem == ""


def test_a_second_copy_inside_is_a_question() -> None:
    assert layout_of("cells/a cells/b cells/cells/a cells/cells/b").problem == (
        "the folder 'cells' holds the same folders 'a', 'b' that lie beside it, as where a "
        "download was unpacked twice: move it elsewhere"
    )


def test_folds_are_a_question() -> None:
    assert layout_of("train1/a test1/a train2/a test2/a").problem == (
        "the folders 'train1', 'test1', 'train2', 'test2' look like several divisions (folds) of "
        "one data set: give a folder with one train, val and test, or give a table with the "
        "columns path, label and split"
    )
    assert layout_of("train2017/a val2017/a").problem == ""
