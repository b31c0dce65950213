"""Opens a folder whose images are labelled by a table in it, metadata.csv or the like.

This is the imagefolder layout of the datasets library: the table lies beside the images, or one
in the folder of each split.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from foveal.dataset.columns import column_names
from foveal.dataset.dataset import Dataset
from foveal.dataset.folder import open_folder
from foveal.dataset.listing import is_image_name, list_files
from foveal.dataset.split_folders import split_of_folder
from foveal.dataset.table import open_table, read_columns
from foveal.dataset.types import LayoutNote, Split
from foveal.errors import DataError
from foveal.text import plural

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def open_metadata_folder(root: Path) -> Dataset | None:
    """The images of a folder with such tables; None where it has none.

    Where no table has labels the folders are the classes. Raises DataError, see `open_table`.
    """
    found = _find_tables(root)
    if not found:
        return None
    if not all(_has_labels(path) for _, paths in found for path in paths):
        dataset = open_folder(root)
        if len(dataset):
            text = (
                "the folders are the classes, as there are no columns file_name and label in "
                f"{found[0][1][0]}"
            )
            return replace(dataset, layout_notes=(*dataset.layout_notes, LayoutNote(text)))
    parts = [_open_part(root, folder, paths) for folder, paths in found]
    dataset = _join(root, parts)
    note = LayoutNote(f"labels are those of {', '.join(str(paths[0]) for _, paths in found)}")
    return replace(
        dataset,
        notes=(*dataset.notes, *_unlisted(root, dataset)),
        layout_notes=(note, *dataset.layout_notes),
    )


def _find_tables(root: Path) -> list[tuple[str, list[Path]]]:
    """(folder, tables): the folder itself, else those of splits."""
    tables = [root / name for name in _NAMES if (root / name).is_file()]
    if tables:
        return [("", tables)]
    try:
        with os.scandir(root) as entries:
            names = [one.name for one in entries if one.is_dir() and split_of_folder(one.name)]
    except OSError:
        return []
    found = [
        (folder, [root / folder / name for name in _NAMES if (root / folder / name).is_file()])
        for folder in sorted(names)
    ]
    return [(folder, tables) for folder, tables in found if tables]


def _has_labels(path: Path) -> bool:
    names = column_names(list(read_columns(path)), str(path))
    return "path" in names and "label" in names


def _open_part(root: Path, folder: str, paths: Sequence[Path]) -> Dataset:
    """The images of one folder: its tables must say the same."""
    first, *others = (open_table(path) for path in paths)
    rows = _rows(first)
    for path, other in zip(paths[1:], others, strict=True):
        if _rows(other) != rows:
            raise DataError(
                f"{paths[0]} and {path} do not give the same labels; give one of them as DATA, "
                "or delete the other"
            )
    own = split_of_folder(folder) if folder else None
    splits = (own,) * len(first) if own else first.splits or ()
    names = tuple(f"{folder}/{name}" if folder else name for name in first.paths)
    return replace(
        first, root=root, paths=names, splits=splits if any(splits) else splits_of_paths(names)
    )


def _rows(dataset: Dataset) -> set[tuple[object, ...]]:
    return {
        (path, frozenset(labels), split)
        for path, labels, split in zip(dataset.paths, dataset.labels, dataset.splits, strict=True)
    }


def splits_of_paths(paths: Sequence[str]) -> tuple[Split | None, ...]:
    """The splits that the first folder of every path names, if all do."""
    splits = [split_of_folder(path.split("/")[0]) if "/" in path else None for path in paths]
    return tuple(splits) if all(splits) else (None,) * len(paths)


def _join(root: Path, parts: Sequence[Dataset]) -> Dataset:
    names = dict.fromkeys(chain.from_iterable(part.extra_columns for part in parts))
    return Dataset(
        root=root,
        paths=tuple(chain.from_iterable(part.paths for part in parts)),
        labels=tuple(chain.from_iterable(part.labels for part in parts)),
        splits=tuple(chain.from_iterable(part.splits for part in parts)),
        groups=tuple(chain.from_iterable(part.groups for part in parts)),
        task="multi" if any(part.task == "multi" for part in parts) else "single",
        extra_columns={
            name: tuple(
                chain.from_iterable(
                    part.extra_columns.get(name, ("",) * len(part)) for part in parts
                )
            )
            for name in names
        },
        file_stamps=tuple(chain.from_iterable(part.file_stamps for part in parts)),
        unusable=tuple(chain.from_iterable(part.unusable for part in parts)),
        notes=tuple(chain.from_iterable(part.notes for part in parts)),
        layout_notes=tuple(chain.from_iterable(part.layout_notes for part in parts)),
    )


def _unlisted(root: Path, dataset: Dataset) -> tuple[str, ...]:
    """A note on the images of the folder that no table lists."""
    known = set(dataset.paths)
    files = ("/".join(file.parts) for file in list_files(root) if file.reason is None)
    count = sum(name not in known and is_image_name(name) for name in files)
    return (f"{plural(count, 'image')} ignored: not listed in the table",) if count else ()
