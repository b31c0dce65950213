"""Why the folders at the top can be read in more than one way, and what to do: sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from foveal.dataset.folders.layout_tree import TopFolder
from foveal.dataset.folders.split_folders import compared_name, number_of, split_words
from foveal.dataset.types import Split
from foveal.text import list_quoted

MAX_LISTED = 4
"""Folders named in a message."""
_WAY_OUT = "or give a table with the columns path, label and split"


def shared_problem(tops: Sequence[TopFolder]) -> str:
    """Why it is open whether folders that hold the same sub-folders are splits or classes."""
    counts = Counter(name for top in tops if top.is_nested for name in top.children)
    shared = [name for name, count in counts.items() if count > 1]
    sharing = [top for top in tops if top.is_nested and not top.children.keys().isdisjoint(shared)]
    images = sum(top.images for top in sharing)
    few_images = 2 * images < sum(top.images for top in tops)
    if len(shared) < 2 or 2 * len(shared) < len(counts) or few_images:
        return ""
    inside = list_quoted((sharing[0].children.get(name, name) for name in shared), MAX_LISTED)
    return (
        f"the folders {quoted(sharing)} hold the same folders {inside}, so it is open "
        "which are the classes: call folders that are splits train, val and test, or keep only the "
        f"class folders at the top, {_WAY_OUT}"
    )


def combined_problem(tops: Sequence[TopFolder]) -> str:
    """Why names such as train_cat and test_cat are no classes: each holds split and class."""
    words = [split_words(top.name) for top in tops]
    if not all(len(found) == 1 for found in words) or len(set().union(*words)) < 2:
        return ""
    return (
        f"the names of the folders {quoted(tops)} say a split and something else: make folders "
        f"train, val and test with the class folders in them, {_WAY_OUT}"
    )


def copy_problem(tops: Sequence[TopFolder]) -> str:
    """Why a folder that holds the same folders as lie beside it is no class."""
    names = {compared_name(top.name) for top in tops}
    for top in tops:
        shared = names & top.children.keys()
        if len(shared) > 1 and 2 * len(shared) >= len(top.children):
            inside = list_quoted((top.children[name] for name in sorted(shared)), MAX_LISTED)
            return (
                f"the folder '{top.name}' holds the same folders {inside} that lie beside it, as "
                "where a download was unpacked twice: move it elsewhere"
            )
    return ""


def are_folds(splits: Sequence[TopFolder]) -> bool:
    """Whether names such as train1, test1, train2, test2 are several divisions of one data set."""
    numbered: dict[str, set[Split | None]] = {}
    for top in splits:
        numbered.setdefault(number_of(top.name), set()).add(top.split)
    return sum(len(found) > 1 and bool(number) for number, found in numbered.items()) > 1


def folds_problem(splits: Sequence[TopFolder]) -> str:
    """What to do with several divisions of one data set."""
    return (
        f"the folders {quoted(splits)} look like several divisions (folds) of one data set: give a "
        f"folder with one train, val and test, {_WAY_OUT}"
    )


def unknown_split_problem(top: TopFolder, splits: Sequence[TopFolder]) -> str:
    """What to do with a folder beside the splits that holds their classes."""
    return (
        f"the folder '{top.name}' holds the same folders as {quoted(splits)}, but its name is no "
        f"split: call it train, val or test, or move it elsewhere, {_WAY_OUT}"
    )


def mixed_problem(tops: Sequence[TopFolder]) -> str:
    """What to do where some folders are called as splits, and others are not."""
    splits = [top for top in tops if top.split is not None]
    others = [top for top in tops if top.split is None]
    return (
        f"{quoted(splits)} {'is' if len(splits) == 1 else 'are'} called as splits are, but beside "
        f"{'it' if len(splits) == 1 else 'them'} lies {quoted(others)}: call every split train, "
        "val or test and move other folders elsewhere, or rename folders that are classes, "
        f"{_WAY_OUT}"
    )


def quoted(tops: Sequence[TopFolder]) -> str:
    """The first names, in quotes."""
    return list_quoted((top.name for top in tops), MAX_LISTED)
