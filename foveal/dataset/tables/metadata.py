"""Opens a folder or archive whose images a table in it labels, metadata.csv or the like.

This is the imagefolder layout of the datasets library: the table lies beside the images, or one
in the folder of each split.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.folder import open_folder
from foveal.dataset.folders.split_folders import split_of_folder
from foveal.dataset.listing import is_image_name, list_files
from foveal.dataset.tables.column_aliases import apply_aliases
from foveal.dataset.tables.columns import column_names
from foveal.dataset.tables.join import join_datasets
from foveal.dataset.tables.table import open_table, read_columns
from foveal.dataset.types import LayoutNote, Split
from foveal.errors import DataError
from foveal.text import plural

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FoundTables = list[tuple[str, list[str]]]
"""(folder, tables): names relative to DATA, of the folder itself or of those of splits."""


@dataclass(frozen=True)
class MetadataSource:
    """The folder or archive `root` of such tables, which are named relative to it.

    column_names: of a table.  open_table: its images, their paths relative to root.
    open_folders: the images with their folders as classes.  names: all files.
    """

    root: Path
    column_names: Callable[[str], Sequence[str]]
    open_table: Callable[[str], Dataset]
    open_folders: Callable[[], Dataset]
    names: Callable[[], Iterable[str]]


def open_metadata_folder(root: Path) -> Dataset | None:
    """The images of a folder with such tables; None where it has none.

    Raises DataError, see `open_metadata` and `open_table`.
    """
    found = _tables_of_folder(root)
    return open_metadata(folder_source(root), found) if found else None


def folder_source(root: Path) -> MetadataSource:
    """The tables, the images and the files of a folder."""

    def open_relative(table: str) -> Dataset:
        dataset, folder = open_table(root / table), table.rpartition("/")[0]
        names = (posixpath.join(folder, path) for path in dataset.paths)
        return replace(dataset, root=root, paths=tuple(names))

    return MetadataSource(
        root,
        column_names=lambda table: list(read_columns(root / table)),
        open_table=open_relative,
        open_folders=lambda: open_folder(root),
        names=lambda: (file.path for file in list_files(root) if file.reason is None),
    )


def _tables_of_folder(root: Path) -> FoundTables:
    """Those of the folder itself, else those of splits."""
    tables = [name for name in METADATA_NAMES if (root / name).is_file()]
    if tables:
        return [("", tables)]
    try:
        with os.scandir(root) as entries:
            folders = [one.name for one in entries if one.is_dir() and split_of_folder(one.name)]
    except OSError:
        return []
    names = [f"{folder}/{name}" for folder in folders for name in METADATA_NAMES]
    return tables_of_splits([name for name in names if (root / name).is_file()])


def tables_of_splits(names: Iterable[str], above: str = "") -> FoundTables:
    """The tables among `names` that lie in folders of splits, directly below the folder `above`."""
    found: dict[str, list[str]] = {}
    for name in names:
        folder, _, table = name.removeprefix(above).rpartition("/")
        if table in METADATA_NAMES and "/" not in folder and split_of_folder(folder):
            found.setdefault(folder, []).append(name)
    return sorted(found.items())


def open_metadata(source: MetadataSource, found: FoundTables) -> Dataset:
    """The images that tables label; where no table has labels the folders are the classes.

    Raises DataError where two tables of one folder differ.
    """
    if not all(_has_labels(source, table) for _, tables in found for table in tables):
        dataset = source.open_folders()
        if len(dataset):
            return _folders_are_classes(dataset, source.root / found[0][1][0])
    parts = [_open_part(source, folder, tables) for folder, tables in found]
    dataset = join_datasets(source.root, parts)
    listed = ", ".join(str(source.root / tables[0]) for _, tables in found)
    return replace(
        dataset,
        notes=(*dataset.notes, *_unlisted_images({*dataset.paths}, source.names())),
        layout_notes=(LayoutNote(f"labels are those of {listed}"), *dataset.layout_notes),
    )


def open_only_table(source: MetadataSource, table: str) -> Dataset:
    """The images that the one table at the top labels.

    One without the columns path and label leaves folders that are classes as they are.
    Raises DataError as `open_table`.
    """
    if not has_labels(source.column_names(table), str(source.root / table)):
        dataset = source.open_folders()
        if len(dataset.classes) > 1:
            return _folders_are_classes(dataset, source.root / table)
    dataset = source.open_table(table)
    named = {*dataset.paths, *(file.path for file in dataset.unusable)}
    return replace(dataset, notes=(*dataset.notes, *_unlisted_images(named, source.names())))


def has_labels(names: Sequence[str], source: str) -> bool:
    """Whether the columns `names` are those of a table of images.  Raises DataError on doubt."""
    read, _ = apply_aliases(column_names(names, source), source)
    return "path" in read and "label" in read


def _has_labels(source: MetadataSource, table: str) -> bool:
    try:
        return has_labels(source.column_names(table), str(source.root / table))
    except DataError:
        return False


def _open_part(source: MetadataSource, folder: str, tables: Sequence[str]) -> Dataset:
    """The images of one folder: its tables must say the same."""
    first, *others = (source.open_table(table) for table in tables)
    rows = _rows(first)
    for table, other in zip(tables[1:], others, strict=True):
        if _rows(other) != rows:
            raise DataError(
                f"{source.root / tables[0]} and {source.root / table} do not give the same labels; "
                "give one of them as DATA, or delete the other"
            )
    own = split_of_folder(folder) if folder else None
    splits = (own,) * len(first) if own else first.splits or ()
    if not any(splits):
        splits = splits_of_paths(first.paths, len(tables[0]) - len(tables[0].rpartition("/")[2]))
    return replace(first, splits=splits)


def _rows(dataset: Dataset) -> set[tuple[object, ...]]:
    return {
        (path, frozenset(labels), split)
        for path, labels, split in zip(dataset.paths, dataset.labels, dataset.splits, strict=True)
    }


def splits_of_paths(paths: Sequence[str], start: int = 0) -> tuple[Split | None, ...]:
    """The splits that the first folder of every path names, if all do; start: of that folder."""
    heads = [path[start:].split("/") for path in paths]
    splits = [split_of_folder(head[0]) if len(head) > 1 else None for head in heads]
    return tuple(splits) if all(splits) else (None,) * len(paths)


def _folders_are_classes(dataset: Dataset, table: Path) -> Dataset:
    """`dataset`, with a note that a table without labels is not used."""
    text = f"the folders are the classes, as there are no columns file_name and label in {table}"
    return replace(dataset, layout_notes=(*dataset.layout_notes, LayoutNote(text)))


def _unlisted_images(listed: Collection[str], names: Iterable[str]) -> tuple[str, ...]:
    """A note on the images among `names` that are not in `listed`."""
    count = sum(name not in listed and is_image_name(name) for name in names)
    return (f"{plural(count, 'image')} ignored: not listed in the table",) if count else ()
