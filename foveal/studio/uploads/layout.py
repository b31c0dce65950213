"""The classes and splits of dropped files, read as folders of this machine and archives are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.folder import dataset_from_files
from foveal.dataset.folders.layout_tree import Folder
from foveal.dataset.folders.split_folders import split_of_folder
from foveal.dataset.listing import FolderListing, ListedFile, is_ignored, is_image_name
from foveal.dataset.tables.listed_tables import (
    ListedFiles,
    listed_tables,
    open_listed,
    several_tables_note,
    tables_at_top,
)
from foveal.dataset.types import Split
from foveal.studio.uploads.added import Added
from foveal.studio.uploads.rows import class_name, dataset_rows, layout_problem
from foveal.text import printable

DROPPED = "the dropped files"
"""As what a sentence names files that lie in no folder."""
_Files = Mapping[Folder, Sequence[str]]


class UploadPlace(NamedTuple):
    """What the images of one folder become."""

    label: str | None
    split: Split | None


class UploadFile(NamedTuple):
    """What an image that a table lists becomes."""

    label: str | None
    split: Split | None
    group: str | None


@dataclass
class UploadLayout:
    """places: of each folder whose images are used.  ignored: paths of files that are not.

    files: of each image that a table lists.  whole: the dropped folders, or the table among the
    dropped files, that are read so too where their path is named.  tables: paths of tables whose
    contents are needed first; where there are any, nothing else is known yet.
    """

    places: dict[str, UploadPlace] = field(default_factory=dict)
    files: dict[str, UploadFile] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    added: Added = field(default_factory=Added)

    def to_data(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "places": {path: place._asdict() for path, place in self.places.items()},
            "files": {path: file._asdict() for path, file in self.files.items()},
            "ignored": self.ignored,
            "whole": self.whole,
            "notes": [printable(note) for note in self.notes],
            "skipped": self.added.to_data()["skipped"],
            "tables": self.tables,
        }


def read_upload_layout(
    folders: Mapping[str, Sequence[str]], tables: Mapping[str, bytes] | None = None
) -> UploadLayout:
    """How the files of one drop are read.

    folders: the path of each folder, from the one that was dropped -> names of the files in it;
    those that lie in no folder have the path "".  tables: contents by path.
    A table among the files that lie in no folder labels all that was dropped with it, one in a
    dropped folder the images of that.  Other folders that were dropped together and are called as
    different splits are read as if they lay in one; every other one is read by itself, and where
    it has no folders it is a class.
    Raises DataError on a table that cannot be used.
    """
    contents = tables or {}
    drops = [*_drops(folders)]
    wanted = [path for drop in drops for path in drop.tables() if path not in contents]
    layout = UploadLayout(tables=wanted)
    if not wanted:
        for drop in drops:
            _read(layout, drop, contents)
    return layout


@dataclass(frozen=True)
class _Drop:
    """Folders that are read together, below the folder `above`; a sentence calls them `name`."""

    above: Folder
    name: str
    folders: _Files

    def names(self) -> list[str]:
        return [
            "/".join((*folder, name))
            for folder, names in self.folders.items()
            for name in names
            if not any(map(is_ignored, (*folder, name)))
        ]

    def path(self, name: str) -> str:
        return "/".join((*self.above, name))

    def tables(self) -> list[str]:
        return [self.path(table) for table in listed_tables(self.names())]


def _drops(folders: Mapping[str, Sequence[str]]) -> Iterator[_Drop]:
    parts = {tuple(filter(None, path.split("/"))): names for path, names in folders.items()}
    loose = parts.pop((), ())
    if listed_tables(loose):
        yield _Drop((), DROPPED, {(): loose, **parts})
        return
    if tables_at_top(loose):  # which of several cannot be told
        yield _Drop((), DROPPED, {(): loose})
    tops: dict[str, dict[Folder, Sequence[str]]] = {}
    for (top, *inner), names in parts.items():
        tops.setdefault(top, {})[tuple(inner)] = names
    splits = {top: split for top in tops if (split := split_of_folder(top))}
    together = splits if len(set(splits.values())) > 1 else {}
    if together:
        inside = {(top, *folder): names for top in together for folder, names in tops[top].items()}
        yield _Drop((), "+".join(together), inside)
    for top, inside in tops.items():
        if top not in together:
            yield _Drop((top,), top, inside)


def _read(layout: UploadLayout, drop: _Drop, contents: Mapping[str, bytes]) -> None:
    """Add how the files of a drop are read."""
    skipped, files = [], []
    for folder, names in drop.folders.items():
        for name in names:
            parts = (*folder, name)
            if any(map(is_ignored, parts)):
                skipped.append("/".join(parts))
            else:
                files.append(ListedFile(parts))

    def open_folders() -> Dataset:
        listing = FolderListing(files, skipped, [each for each in drop.folders if each])
        return dataset_from_files(Path(drop.name), listing)

    names = [file.path for file in files]
    listed = ListedFiles(
        Path(*drop.above), {*names}, lambda name: contents[drop.path(name)], "folder", drop.name
    )
    dataset = open_listed(listed, open_folders)
    if drop.tables():
        rows = _read_rows(layout, drop, dataset)
        unused = [name for name in names if name not in rows]
    else:
        places = _read_places(layout, drop, dataset, files)
        unused = [
            file.path
            for file in files
            if file.parts[:-1] not in places or not is_image_name(file.parts[-1])
        ]
    layout.ignored += [drop.path(name) for name in (*unused, *skipped)]


def _read_rows(layout: UploadLayout, drop: _Drop, dataset: Dataset) -> set[str]:
    """Add the images of a table; the names of their files."""
    rows = dataset_rows(dataset, layout.added)
    layout.notes += layout.added.notes
    layout.added.notes = []
    layout.whole += drop.above or drop.tables()[:1]
    for row, split in zip(rows, dataset.splits, strict=True):
        layout.files[drop.path(row.name)] = UploadFile(row.label, split, row.group)
    return {row.name for row in rows}


def _read_places(
    layout: UploadLayout, drop: _Drop, dataset: Dataset, files: Sequence[ListedFile]
) -> dict[Folder, UploadPlace]:
    """Add the folders whose images are used."""
    places = _places(dataset)
    if places:
        layout.whole += drop.above
        layout.notes += [*dataset.notes, *(note.text for note in dataset.layout_notes)]
    else:
        layout.notes += several_tables_note(drop.name, tables_at_top(drop.names()))
        places = _places_without_classes(layout, dataset, drop.above, files)
    layout.places.update(
        {"/".join((*drop.above, *folder)): place for folder, place in places.items()}
    )
    return places


def _places(dataset: Dataset) -> dict[Folder, UploadPlace]:
    return {
        tuple(path.split("/")[:-1]): UploadPlace(class_name(labels[0]), split)
        for path, labels, split in zip(dataset.paths, dataset.labels, dataset.splits, strict=True)
    }


def _places_without_classes(
    layout: UploadLayout, dataset: Dataset, above: Folder, files: Sequence[ListedFile]
) -> dict[Folder, UploadPlace]:
    """Where no folder is a class: the only folder names one, else the images have none."""
    folders = {file.parts[:-1] for file in files if is_image_name(file.parts[-1])}
    if len(folders) == 1 and above and not split_of_folder(above[0]):
        return dict.fromkeys(folders, UploadPlace(class_name(above[0]), None))
    layout.notes += layout_problem(dataset, (file.path for file in files))
    return {
        folder: UploadPlace(None, None if above or not folder else split_of_folder(folder[0]))
        for folder in folders
    }
