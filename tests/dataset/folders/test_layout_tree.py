"""Folders of images as a tree."""

from __future__ import annotations

from foveal.dataset.folders.layout_tree import (
    common_parts,
    enter_wrappers,
    folders_below,
    read_top_folders,
)


def test_the_parts_that_paths_share() -> None:
    assert common_parts([("a", "b"), ("a", "c", "d"), ("a",)]) == ("a",)
    assert common_parts([("a", "b"), ("b", "b")]) == ()
    assert common_parts([("a", "b")]) == ("a", "b")


def test_folders_at_the_top() -> None:
    first, second = read_top_folders(
        {(): 1, ("train",): 2, ("train", "a"): 3, ("train", "b", "x"): 4, ("cat",): 5}
    )
    assert (first.name, first.split, first.inner) == ("train", "train", ())
    assert (first.direct, first.images, first.is_nested) == (2, 9, True)
    assert first.children == {"a": "a", "b": "b"}
    assert (second.name, second.split, second.images, second.is_nested) == ("cat", None, 5, False)


def test_wrappers() -> None:
    folders = {("x", "y", "a"): 1, ("x", "y", "b"): 1}
    assert enter_wrappers(folders, may_be_split=False) == ("x", "y")
    assert folders_below(folders, ("x", "y")) == {("a",): 1, ("b",): 1}
    assert enter_wrappers({("train", "a"): 1}, may_be_split=False) == ()
    assert enter_wrappers({("x", "a"): 1}, may_be_split=False) == ()
    assert enter_wrappers({}, may_be_split=False) == ()
