"""How folders are read as splits and classes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.folders.layout import Layout, read_layout


def layout_of(paths: str, images: int = 5) -> Layout:
    """The layout of folders, each with so many images."""
    return read_layout({tuple(p for p in path.split("/") if p): images for path in paths.split()})


def places(layout: Layout) -> set[tuple[str, str | None, str]]:
    return {("/".join(folder), one.split, one.label) for folder, one in layout.places.items()}


def texts(layout: Layout) -> list[str]:
    return [note.text for note in layout.notes]


def test_classes_at_the_top() -> None:
    layout = layout_of("cat cat/more dog train")
    assert places(layout) == {
        ("cat", None, "cat"),
        ("cat/more", None, "cat"),
        ("dog", None, "dog"),
        ("train", None, "train"),
    }
    assert layout.notes == ()


def test_splits_by_their_plain_names_need_no_note() -> None:
    layout = layout_of("train/cat train/dog/x Test/cat")
    assert places(layout) == {
        ("train/cat", "train", "cat"),
        ("train/dog/x", "train", "dog"),
        ("Test/cat", "test", "cat"),
    }
    assert layout.notes == ()


@pytest.mark.parametrize(
    ("paths", "read"),
    [
        ("training_set/a training_set/b test_set/a", "'training_set' as train, 'test_set' as test"),
        (
            "seg_train/seg_train/a seg_train/seg_train/b seg_test/seg_test/a",
            "'seg_train/seg_train' as train, 'seg_test/seg_test' as test",
        ),
        ("train/a eval/a test/a", "'train' as train, 'eval' as val, 'test' as test"),
        ("train/a val/a eval/a", "'train' as train, 'val' as val, 'eval' as test"),
        ("train/a dev/a eval/a", "'train' as train, 'dev' as val, 'eval' as test"),
        ("train/a test/a hold-out/a", "'train' as train, 'test' as test, 'hold-out' as val"),
        (
            "Train/images/a Train/images/b valid/images/a",
            "'Train/images' as train, 'valid/images' as val",
        ),
        ("train/a test1/a test2/a", "'train' as train, 'test1' as test, 'test2' as test"),
    ],
)
def test_other_names_of_splits_are_told(paths: str, read: str) -> None:
    layout = layout_of(paths)
    assert texts(layout) == [f"folders are read as splits: {read}"]
    assert {place.label for place in layout.places.values()} <= {"a", "b"}
    assert len(layout.places) == len(paths.split())


@pytest.mark.parametrize("wrapper", ["data", "PetImages", "archive/data 2", "a/b/c"])
@pytest.mark.parametrize("inside", ["cat dog", "train/cat train/dog val/cat"])
def test_folders_around_everything_are_entered(wrapper: str, inside: str) -> None:
    plain = layout_of(inside)
    folder = tuple(wrapper.split("/"))
    layout = read_layout({(*folder, *path.split("/")): 5 for path in inside.split()})
    assert layout.places == {(*folder, *path): place for path, place in plain.places.items()}
    assert texts(layout) == [f"everything lies in the folder '{wrapper}', which was entered"]


def test_one_class_is_a_class_and_not_wrapped() -> None:
    assert places(layout_of("cat")) == {("cat", None, "cat")}
    assert places(layout_of("cat/new")) == {("cat/new", None, "cat")}
    assert places(layout_of("images/cat")) == {("images/cat", None, "cat")}
    assert places(layout_of("train/train/cat")) == {("train/train/cat", "train", "cat")}


def test_splits_in_class_folders() -> None:
    layout = layout_of("cat/train cat/test dog/train dog/test")
    assert places(layout) == {
        ("cat/train", "train", "cat"),
        ("cat/test", "test", "cat"),
        ("dog/train", "train", "dog"),
        ("dog/test", "test", "dog"),
    }
    assert texts(layout) == [
        "the folders in the class folders are read as splits: 'test' as test, 'train' as train"
    ]


def test_folders_in_class_folders_are_told() -> None:
    layout = layout_of("a/airfield a/alley b/bar b/beach")
    assert {place.label for place in layout.places.values()} == {"a", "b"}
    (note,) = layout.notes
    assert note.is_warning
    assert note.text == (
        "2 class folders with folders inside: all images in 'a' ('airfield', 'alley') have the "
        "class 'a'; where the folders inside are the classes, move them up, or give a table with "
        "the columns path and label"
    )
    assert "'a' ('x', 'y') have" in texts(layout_of("train/a/x train/a/y train/b test/b"))[0]


def test_a_further_folder_with_the_same_classes_is_a_question() -> None:
    assert layout_of("train/cat train/dog test/cat extra/cat extra/dog").problem == (
        "the folder 'extra' holds the same folders as 'train', 'test', but its name is no split: "
        "call it train, val or test, or move it elsewhere, or give a table with the columns path, "
        "label and split"
    )
    layout = layout_of("train/cat train/dog test/cat docs unlabelled/x")
    assert texts(layout) == ["left out beside the splits: 'docs', 'unlabelled' (10 images)"]


def test_images_in_a_neutral_folder_of_a_split_have_no_class() -> None:
    layout = layout_of("train/n01/images train/n02/images val/images")
    assert {(one.split, one.label) for one in layout.places.values()} == {
        ("train", "n01"),
        ("train", "n02"),
    }
    assert texts(layout)[-1] == (
        "'val' is read as val, and 5 images of it in no class folder left out"
    )


def test_images_of_a_split_without_class_folders_are_told() -> None:
    layout = layout_of("train/cat train/dog test")
    assert places(layout) == {("train/cat", "train", "cat"), ("train/dog", "train", "dog")}
    assert texts(layout) == [
        "'test' is read as test, and 5 images of it in no class folder left out"
    ]


@pytest.mark.parametrize("paths", ["", "/", "images", "train test", "train"])
def test_no_folder_says_a_class(paths: str) -> None:
    layout = layout_of(paths)
    assert layout.is_flat
    assert not layout.places


NAMES = st.sampled_from(
    ["train", "val", "test1", "seg_train", "cat", "dog", "images", "a", "1", "고양이", "dev", "x"]
)
FOLDERS = st.dictionaries(st.lists(NAMES, max_size=4).map(tuple), st.integers(1, 30), max_size=12)


@given(FOLDERS)
def test_every_layout_is_read_or_told(folders: dict[tuple[str, ...], int]) -> None:
    layout = read_layout(folders)
    assert set(layout.places) <= set(folders)
    left_out = set(folders) - set(layout.places)
    if layout.problem or layout.is_flat:
        assert not layout.places
    else:
        assert layout.places
    for folder, place in layout.places.items():
        assert place.label in folder
    if any(len(folder) > 1 for folder in left_out):
        assert layout.problem or layout.is_flat or layout.notes


@given(FOLDERS, st.randoms())
def test_the_order_of_folders_does_not_matter(folders, random) -> None:
    items = list(folders.items())
    random.shuffle(items)
    assert read_layout(dict(items)).places == read_layout(folders).places


@given(st.sets(st.sampled_from(["cat", "dog", "고양이", "1", "train"]), min_size=2))
def test_splits_above_classes_and_their_parts_agree(classes: set[str]) -> None:
    for train, test in itertools.product(["train", "Training_Set", "seg_train"], ["test", "TEST1"]):
        folders = {(split, name): 3 for split in (train, test) for name in classes}
        layout = read_layout(folders)
        assert {(place.split, place.label) for place in layout.places.values()} == {
            (split, name) for split in ("train", "test") for name in classes
        }
