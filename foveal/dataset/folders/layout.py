"""Decides from the folders that hold images which of them are splits and which are classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from foveal.dataset.folders.layout_problems import (
    MAX_LISTED,
    are_folds,
    combined_problem,
    copy_problem,
    folds_problem,
    mixed_problem,
    quoted,
    shared_problem,
    unknown_split_problem,
)
from foveal.dataset.folders.layout_tree import (
    Folder,
    TopFolder,
    enter_wrappers,
    folders_below,
    read_top_folders,
)
from foveal.dataset.folders.split_folders import is_neutral, split_of_folder
from foveal.dataset.types import SPLITS, LayoutNote, Split
from foveal.text import list_quoted, plural

_AT_THE_TOP: frozenset[Folder] = frozenset(((),))


@dataclass(frozen=True)
class Place:
    """What the images of one folder are: their split, None where there is none, and class."""

    split: Split | None
    label: str

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels of an image that lies there."""
        return (self.label,)


@dataclass(frozen=True)
class Layout:
    """places: of each folder whose images are used.  notes: how the folders were read.

    problem: why they cannot be read, and what to do; then there are no places.
    is_flat: whether no folder says a class.  class_parents: the folders whose folders are classes.
    """

    places: Mapping[Folder, Place] = field(default_factory=dict)
    notes: tuple[LayoutNote, ...] = ()
    problem: str = ""
    is_flat: bool = False
    class_parents: frozenset[Folder] = frozenset()


def read_layout(folders: Mapping[Folder, int]) -> Layout:
    """The split and class of every folder.

    folders: the parts of each folder's path below DATA -> images that lie directly in it.
    """
    wrapper = enter_wrappers(folders, may_be_split=False)
    inside = folders_below(folders, wrapper)
    tops = read_top_folders(inside)
    notes = [_wrapper_note(wrapper)] if wrapper else []
    if not tops or (len(tops) == 1 and is_neutral(tops[0].name) and not tops[0].is_nested):
        return Layout(is_flat=True)
    layout = _read_tops(tops)
    return Layout(
        {(*wrapper, *folder): place for folder, place in layout.places.items()},
        (*notes, *layout.notes),
        layout.problem,
        layout.is_flat,
        frozenset((*wrapper, *parent) for parent in layout.class_parents),
    )


def _read_tops(tops: Sequence[TopFolder]) -> Layout:
    splits = {top.split for top in tops if top.split is not None}
    nested = [top for top in tops if top.split is not None and top.is_nested]
    if splits and (len(splits) > 1 or all(top.split for top in tops)):
        if nested:
            return _read_splits(tops)
        if all(top.split for top in tops):
            return Layout(is_flat=True)
        return Layout(problem=mixed_problem(tops))
    if any(len(top.children) > 1 for top in nested):
        return Layout(problem=mixed_problem(tops))
    if _are_splits_in_classes(tops):
        return _read_splits_in_classes(tops)
    problem = combined_problem(tops) or copy_problem(tops) or shared_problem(tops)
    return Layout(problem=problem) if problem else _read_classes(tops)


def _read_splits(tops: Sequence[TopFolder]) -> Layout:
    """The layout split/class, where the names of the splits are known."""
    splits = [top for top in tops if top.split is not None]
    others = [top for top in tops if top.split is None]
    if are_folds(splits):
        return Layout(problem=folds_problem(splits))
    known = {name for top in splits for name in top.children}
    for top in others:
        if top.is_nested and 2 * len(known & top.children.keys()) >= len(top.children):
            return Layout(problem=unknown_split_problem(top, splits))
    places = {
        (top.name, *top.inner, *folder): Place(top.split, folder[0])
        for top in splits
        for folder in top.below
        if folder
    }
    notes = [*_reading_notes(splits), *_left_out_notes(splits, others), *_deeper_note(splits)]
    parents = frozenset((top.name, *top.inner) for top in splits if top.is_nested)
    return Layout(places, tuple(notes), class_parents=parents)


def _reading_notes(splits: Sequence[TopFolder]) -> list[LayoutNote]:
    """How each name was read, unless all are called train, val and test."""
    if all(top.name.lower() in SPLITS and not top.inner for top in splits):
        return []
    read = [f"'{'/'.join((top.name, *top.inner))}' as {top.split}" for top in splits]
    return [LayoutNote(f"folders are read as splits: {', '.join(read)}")]


def _left_out_notes(splits: Sequence[TopFolder], others: Sequence[TopFolder]) -> list[LayoutNote]:
    flat = [
        LayoutNote(
            f"'{top.name}' is read as {top.split}, and {plural(top.direct, 'image')} of it in no "
            "class folder left out",
            is_warning=True,
        )
        for top in splits
        if top.direct
    ]
    if not others:
        return flat
    images = sum(top.images for top in others)
    text = f"left out beside the splits: {quoted(others)} ({plural(images, 'image')})"
    return [*flat, LayoutNote(text, is_warning=True)]


def _deeper_note(splits: Sequence[TopFolder]) -> list[LayoutNote]:
    """Where the class folders of the splits hold their images in folders."""
    classes: dict[str, Counter[Folder]] = {}
    for top in splits:
        for folder, images in top.below.items():
            if folder:
                classes.setdefault(folder[0], Counter())[folder[1:]] += images
    return _nesting_note([TopFolder(name, None, (), below) for name, below in classes.items()])


def _are_splits_in_classes(tops: Sequence[TopFolder]) -> bool:
    """Whether all folders hold nothing but splits, such as cat/train and cat/test."""
    children = {name for top in tops for name in top.children.values()}
    splits = {split_of_folder(name) for name in children}
    return (
        None not in splits
        and len(splits) > 1
        and not any(is_neutral(top.name) for top in tops)
        and len(tops) > 1
        and all(len(folder) == 1 for top in tops for folder in top.below)
        and not any(top.inner for top in tops)
    )


def _read_splits_in_classes(tops: Sequence[TopFolder]) -> Layout:
    places = {
        (top.name, *folder): Place(split_of_folder(folder[0]), top.name)
        for top in tops
        for folder in top.below
    }
    names = sorted({folder[0] for top in tops for folder in top.below})
    read = ", ".join(f"'{name}' as {split_of_folder(name)}" for name in names)
    text = f"the folders in the class folders are read as splits: {read}"
    return Layout(places, (LayoutNote(text),), class_parents=_AT_THE_TOP)


def _read_classes(tops: Sequence[TopFolder]) -> Layout:
    places = {
        (top.name, *top.inner, *folder): Place(None, top.name)
        for top in tops
        for folder in top.below
    }
    return Layout(places, tuple(_nesting_note(tops)), class_parents=_AT_THE_TOP)


def _nesting_note(tops: Sequence[TopFolder]) -> list[LayoutNote]:
    """Where folders lie in class folders: how the class names were made."""
    nested = [top for top in tops if top.is_nested]
    if len({name for top in nested for name in top.children}) < 2:
        return []
    first = max(nested, key=lambda top: len(top.children))
    inside = list_quoted(first.children.values(), MAX_LISTED)
    text = (
        f"{plural(len(nested), 'class folder')} with folders inside: all images in '{first.name}' "
        f"({inside}) have the class '{first.name}'; where the folders inside are the classes, move "
        "them up, or give a table with the columns path and label"
    )
    return [LayoutNote(text, is_warning=True)]


def _wrapper_note(wrapper: Folder) -> LayoutNote:
    return LayoutNote(f"everything lies in the folder '{'/'.join(wrapper)}', which was entered")
