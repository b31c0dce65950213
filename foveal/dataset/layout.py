"""Decides from the folders that hold images which of them are splits and which are classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foveal.dataset.split_folders import (
    compared_name,
    is_ambiguous,
    is_development,
    is_neutral,
    number_of,
    split_of_folder,
    split_words,
)
from foveal.dataset.types import SPLITS, LayoutNote, Split
from foveal.text import and_more, plural

Folder = tuple[str, ...]
MAX_LISTED = 4
"""Folders named in a message."""
_WAY_OUT = "or give a table with the columns path, label and split"


@dataclass(frozen=True)
class Place:
    """What the images of one folder are: their split, None where there is none, and class."""

    split: Split | None
    label: str


@dataclass(frozen=True)
class Layout:
    """places: of each folder whose images are used.  notes: how the folders were read.

    problem: why they cannot be read, and what to do; then there are no places.
    is_flat: whether no folder says a class.
    """

    places: Mapping[Folder, Place] = field(default_factory=dict)
    notes: tuple[LayoutNote, ...] = ()
    problem: str = ""
    is_flat: bool = False


@dataclass(frozen=True)
class _Top:
    """A folder at the top. inner: folders in it that were entered; below: images of each folder."""

    name: str
    split: Split | None
    inner: Folder
    below: Mapping[Folder, int]

    @property
    def direct(self) -> int:
        """Images that lie in no sub-folder."""
        return self.below.get((), 0)

    @property
    def images(self) -> int:
        return sum(self.below.values())

    @property
    def is_nested(self) -> bool:
        """Whether most of its images lie in sub-folders."""
        return self.images > 2 * self.direct

    @property
    def children(self) -> dict[str, str]:
        """Names of sub-folders as they are compared -> as they are."""
        return {compared_name(folder[0]): folder[0] for folder in self.below if folder}


def read_layout(folders: Mapping[Folder, int]) -> Layout:
    """The split and class of every folder.

    folders: the parts of each folder's path below DATA -> images that lie directly in it.
    """
    wrapper = _entered(folders, may_be_split=False)
    inside = _below(folders, wrapper)
    tops = _tops(inside)
    notes = [_wrapper_note(wrapper)] if wrapper else []
    if not tops or (len(tops) == 1 and is_neutral(tops[0].name) and not tops[0].is_nested):
        return Layout(is_flat=True)
    layout = _read_tops(tops)
    return Layout(
        {(*wrapper, *folder): place for folder, place in layout.places.items()},
        (*notes, *layout.notes),
        layout.problem,
        layout.is_flat,
    )


def _read_tops(tops: Sequence[_Top]) -> Layout:
    splits = {top.split for top in tops if top.split is not None}
    nested = [top for top in tops if top.split is not None and top.is_nested]
    if splits and (len(splits) > 1 or all(top.split for top in tops)):
        if nested:
            return _read_splits(tops)
        if all(top.split for top in tops):
            return Layout(is_flat=True)
        return Layout(problem=_mixed_problem(tops))
    if any(len(top.children) > 1 for top in nested):
        return Layout(problem=_mixed_problem(tops))
    if _are_splits_in_classes(tops):
        return _read_splits_in_classes(tops)
    problem = _combined_problem(tops) or _copy_problem(tops) or _shared_problem(tops)
    return Layout(problem=problem) if problem else _read_classes(tops)


def _read_splits(tops: Sequence[_Top]) -> Layout:
    """The layout split/class, where the names of the splits are known."""
    splits = [top for top in tops if top.split is not None]
    others = [top for top in tops if top.split is None]
    if _are_folds(splits):
        return Layout(problem=_folds_problem(splits))
    known = {name for top in splits for name in top.children}
    for top in others:
        if top.is_nested and 2 * len(known & top.children.keys()) >= len(top.children):
            return Layout(problem=_unknown_split_problem(top, splits))
    places = {
        (top.name, *top.inner, *folder): Place(top.split, folder[0])
        for top in splits
        for folder in top.below
        if folder
    }
    notes = [*_reading_notes(splits), *_left_out_notes(splits, others), *_deeper_note(splits)]
    return Layout(places, tuple(notes))


def _reading_notes(splits: Sequence[_Top]) -> list[LayoutNote]:
    """How each name was read, unless all are called train, val and test."""
    if all(top.name.lower() in SPLITS and not top.inner for top in splits):
        return []
    read = [f"'{'/'.join((top.name, *top.inner))}' as {top.split}" for top in splits]
    return [LayoutNote(f"folders are read as splits: {', '.join(read)}")]


def _left_out_notes(splits: Sequence[_Top], others: Sequence[_Top]) -> list[LayoutNote]:
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
    text = f"left out beside the splits: {_names(others)} ({plural(images, 'image')})"
    return [*flat, LayoutNote(text, is_warning=True)]


def _deeper_note(splits: Sequence[_Top]) -> list[LayoutNote]:
    """Where the class folders of the splits hold their images in folders."""
    classes: dict[str, Counter[Folder]] = {}
    for top in splits:
        for folder, images in top.below.items():
            if folder:
                classes.setdefault(folder[0], Counter())[folder[1:]] += images
    return _nesting_note([_Top(name, None, (), below) for name, below in classes.items()])


def _are_splits_in_classes(tops: Sequence[_Top]) -> bool:
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


def _read_splits_in_classes(tops: Sequence[_Top]) -> Layout:
    places = {
        (top.name, *folder): Place(split_of_folder(folder[0]), top.name)
        for top in tops
        for folder in top.below
    }
    names = sorted({folder[0] for top in tops for folder in top.below})
    read = ", ".join(f"'{name}' as {split_of_folder(name)}" for name in names)
    text = f"the folders in the class folders are read as splits: {read}"
    return Layout(places, (LayoutNote(text),))


def _read_classes(tops: Sequence[_Top]) -> Layout:
    places = {
        (top.name, *top.inner, *folder): Place(None, top.name)
        for top in tops
        for folder in top.below
    }
    return Layout(places, tuple(_nesting_note(tops)))


def _nesting_note(tops: Sequence[_Top]) -> list[LayoutNote]:
    """Where folders lie in class folders: how the class names were made."""
    nested = [top for top in tops if top.is_nested]
    if len({name for top in nested for name in top.children}) < 2:
        return []
    first = max(nested, key=lambda top: len(top.children))
    inside = and_more((f"'{name}'" for name in first.children.values()), MAX_LISTED)
    text = (
        f"{plural(len(nested), 'class folder')} with folders inside: all images in '{first.name}' "
        f"({inside}) have the class '{first.name}'; where the folders inside are the classes, move "
        "them up, or give a table with the columns path and label"
    )
    return [LayoutNote(text, is_warning=True)]


def _shared_problem(tops: Sequence[_Top]) -> str:
    """Why it is open whether folders that hold the same sub-folders are splits or classes."""
    counts = Counter(name for top in tops if top.is_nested for name in top.children)
    shared = [name for name, count in counts.items() if count > 1]
    sharing = [top for top in tops if top.is_nested and not top.children.keys().isdisjoint(shared)]
    images = sum(top.images for top in sharing)
    few_images = 2 * images < sum(top.images for top in tops)
    if len(shared) < 2 or 2 * len(shared) < len(counts) or few_images:
        return ""
    inside = and_more((f"'{sharing[0].children.get(n, n)}'" for n in shared), MAX_LISTED)
    return (
        f"the folders {_names(sharing)} hold the same folders {inside}, so it is open which are "
        f"the classes: call folders that are splits train, val and test, or keep only the class "
        f"folders at the top, {_WAY_OUT}"
    )


def _combined_problem(tops: Sequence[_Top]) -> str:
    """Why names such as train_cat and test_cat are no classes: each holds split and class."""
    words = [split_words(top.name) for top in tops]
    if not all(len(found) == 1 for found in words) or len(set().union(*words)) < 2:
        return ""
    return (
        f"the names of the folders {_names(tops)} say a split and something else: make folders "
        f"train, val and test with the class folders in them, {_WAY_OUT}"
    )


def _copy_problem(tops: Sequence[_Top]) -> str:
    """Why a folder that holds the same folders as lie beside it is no class."""
    names = {compared_name(top.name) for top in tops}
    for top in tops:
        shared = names & top.children.keys()
        if len(shared) > 1 and 2 * len(shared) >= len(top.children):
            inside = and_more((f"'{top.children[name]}'" for name in sorted(shared)), MAX_LISTED)
            return (
                f"the folder '{top.name}' holds the same folders {inside} that lie beside it, as "
                "where a download was unpacked twice: move it elsewhere"
            )
    return ""


def _are_folds(splits: Sequence[_Top]) -> bool:
    """Whether names such as train1, test1, train2, test2 are several divisions of one data set."""
    numbered: dict[str, set[Split | None]] = {}
    for top in splits:
        numbered.setdefault(number_of(top.name), set()).add(top.split)
    return sum(len(found) > 1 and bool(number) for number, found in numbered.items()) > 1


def _folds_problem(splits: Sequence[_Top]) -> str:
    return (
        f"the folders {_names(splits)} look like several divisions (folds) of one data set: give a "
        f"folder with one train, val and test, {_WAY_OUT}"
    )


def _unknown_split_problem(top: _Top, splits: Sequence[_Top]) -> str:
    return (
        f"the folder '{top.name}' holds the same folders as {_names(splits)}, but its name is no "
        f"split: call it train, val or test, or move it elsewhere, {_WAY_OUT}"
    )


def _mixed_problem(tops: Sequence[_Top]) -> str:
    splits = [top for top in tops if top.split is not None]
    others = [top for top in tops if top.split is None]
    return (
        f"{_names(splits)} {'is' if len(splits) == 1 else 'are'} called as splits are, but beside "
        f"{'it' if len(splits) == 1 else 'them'} lies {_names(others)}: call every split train, "
        "val or test and move other folders elsewhere, or rename folders that are classes, "
        f"{_WAY_OUT}"
    )


def _names(tops: Sequence[_Top]) -> str:
    return and_more((f"'{top.name}'" for top in tops), MAX_LISTED)


def _wrapper_note(wrapper: Folder) -> LayoutNote:
    return LayoutNote(f"everything lies in the folder '{'/'.join(wrapper)}', which was entered")


def _tops(folders: Mapping[Folder, int]) -> list[_Top]:
    by_name: dict[str, dict[Folder, int]] = {}
    for folder, images in folders.items():
        if folder:
            by_name.setdefault(folder[0], {})[folder[1:]] = images
    tops = []
    for name, below in by_name.items():
        split = split_of_folder(name)
        inner = _entered(below, may_be_split=True) if split or () not in below else ()
        tops.append(_Top(name, split, inner, _below(below, inner)))
    return _with_free_splits(tops)


def _with_free_splits(tops: list[_Top]) -> list[_Top]:
    """Words for val and test alike say the one that no other folder says: val beside eval.

    Where both are free and both words are there, dev is val and eval is test.
    """
    certain = {top.split for top in tops if not is_ambiguous(top.name)}
    free: list[Split] = [split for split in ("val", "test") if split not in certain]
    unclear = [top for top in tops if top.split is not None and is_ambiguous(top.name)]
    if len(free) == 1:
        return [replace(top, split=free[0]) if top in unclear else top for top in tops]
    if len(free) == 2 and any(is_development(top.name) for top in unclear):
        return [
            replace(top, split="val" if is_development(top.name) else "test")
            if top in unclear
            else top
            for top in tops
        ]
    return tops


def _entered(folders: Mapping[Folder, int], *, may_be_split: bool) -> Folder:
    """The folders that only wrap the others, such as data/PetImages above cat and dog.

    A chain that ends at one folder of images is entered where its names say no class.
    """
    chain: Folder = ()
    safe: Folder = ()
    while True:
        below = _below(folders, chain)
        names = {folder[0] for folder in below if folder}
        if len(names) > 1:
            return chain
        name = next(iter(names), "")
        nested = sum(images for folder, images in below.items() if len(folder) > 1)
        if may_be_split and name and not nested and is_neutral(name):
            return (*chain, name)
        if not nested or below.get((name,), 0) >= nested:
            return safe
        if not may_be_split and split_of_folder(name) and not _holds_splits(below):
            return chain
        chain = (*chain, name)
        if is_neutral(name) or (may_be_split and split_of_folder(name)):
            safe = chain


def _holds_splits(below: Mapping[Folder, int]) -> bool:
    """Whether the folders in the only folder are all splits."""
    names = {folder[1] for folder in below if len(folder) > 1}
    return len(names) > 1 and all(split_of_folder(name) for name in names)


def _below(folders: Mapping[Folder, int], above: Folder) -> dict[Folder, int]:
    depth = len(above)
    if not depth:
        return dict(folders)
    return {folder[depth:]: n for folder, n in folders.items() if folder[:depth] == above}
