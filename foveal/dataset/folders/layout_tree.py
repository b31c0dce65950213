"""The folders that hold images, as a tree: what wraps the others, and what lies at the top."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from foveal.dataset.folders.split_folders import (
    compared_name,
    is_ambiguous,
    is_development,
    is_neutral,
    split_of_folder,
)
from foveal.dataset.types import Split

Folder = tuple[str, ...]


@dataclass(frozen=True)
class TopFolder:
    """A folder at the top. inner: folders in it that were entered; below: images of each folder."""

    name: str
    split: Split | None
    inner: Folder
    below: Mapping[Folder, int]

    @property
    def direct(self) -> int:
        """Images that lie in no sub-folder."""
        return self.below.get((), 0)

    @cached_property
    def images(self) -> int:
        """All images below it."""
        return sum(self.below.values())

    @property
    def is_nested(self) -> bool:
        """Whether most of its images lie in sub-folders."""
        return self.images > 2 * self.direct

    @cached_property
    def children(self) -> dict[str, str]:
        """Names of sub-folders as they are compared -> as they are."""
        return {compared_name(folder[0]): folder[0] for folder in self.below if folder}


def read_top_folders(folders: Mapping[Folder, int]) -> list[TopFolder]:
    """The folders at the top, each with the split that its name says."""
    by_name: dict[str, dict[Folder, int]] = {}
    for folder, images in folders.items():
        if folder:
            by_name.setdefault(folder[0], {})[folder[1:]] = images
    tops = []
    for name, below in by_name.items():
        split = split_of_folder(name)
        inner = enter_wrappers(below, may_be_split=True) if split or () not in below else ()
        tops.append(TopFolder(name, split, inner, folders_below(below, inner)))
    return _with_free_splits(tops)


def _with_free_splits(tops: list[TopFolder]) -> list[TopFolder]:
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


def enter_wrappers(folders: Mapping[Folder, int], *, may_be_split: bool) -> Folder:
    """The folders that only wrap the others, such as data/PetImages above cat and dog.

    A chain that ends at one folder of images is entered where its names say no class.
    """
    chain: Folder = ()
    safe: Folder = ()
    while True:
        below = folders_below(folders, chain)
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


def common_parts(paths: Collection[Folder]) -> Folder:
    """The parts with which all paths begin."""
    first, last = min(paths), max(paths)  # what these two share, all between them share
    equal = [one == other for one, other in zip(first, last, strict=False)]
    return first[: (*equal, False).index(False)]


def folders_below(folders: Mapping[Folder, int], above: Folder) -> dict[Folder, int]:
    """The folders in `above`, relative to it, and their images."""
    depth = len(above)
    if not depth:
        return dict(folders)
    return {folder[depth:]: n for folder, n in folders.items() if folder[:depth] == above}
