"""Validates the columns path, label, split and group of a table and converts their cells."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from foveal.dataset.cells import LABEL_SEPARATOR, join_labels, split_labels
from foveal.dataset.types import (
    SPLIT_NAMES,
    SPLITS,
    Split,
    Task,
    UnusableFile,
)
from foveal.errors import DataError
from foveal.text import and_more, nearest, plural

RESERVED = ("path", "label", "split", "group")
MAX_LISTED = 5
"""Rows named in a message."""


@dataclass(frozen=True)
class TableColumns:
    """The converted cells, one entry a row of the table.

    usable: the rows to keep, each image once.  unusable, notes: why the others are not.
    """

    paths: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    splits: tuple[Split | None, ...]
    groups: tuple[str | None, ...]
    task: Task
    extra_columns: Mapping[str, tuple[str, ...]]
    usable: Sequence[int]
    unusable: tuple[UnusableFile, ...]
    notes: tuple[str, ...]


def parse_columns(root: Path, columns: Mapping[str, Sequence[object]], source: str) -> TableColumns:
    """Convert columns of any values; None and not-a-number are empty cells.

    source: the name of the table in messages. Raises DataError: a column or cell is missing, a
    split is unknown, one image has different labels.
    """
    cells = {str(name): [_to_text(cell) for cell in column] for name, column in columns.items()}
    _require_columns(list(cells), source)
    labels = [_split_labels(cell) for cell in cells["label"]]
    paths = [cell.strip() for cell in cells["path"]]
    _require_cells(paths, labels, source)
    paths = [_relative(root, path) for path in paths]  # `./1.png` is `1.png`
    usable, unusable = _unique_rows(paths, labels, source)
    repeated = len(paths) - len(usable) - len(unusable)
    return TableColumns(
        paths=tuple(paths),
        labels=tuple(labels),
        splits=tuple(_parse_splits(cells.get("split"), len(paths), source)),
        groups=tuple(cell.strip() or None for cell in cells.get("group", [""] * len(paths))),
        task="multi" if any(len(names) > 1 for names in labels) else "single",
        extra_columns={
            name: tuple(column) for name, column in cells.items() if name not in RESERVED
        },
        usable=usable,
        unusable=tuple(unusable),
        notes=(f"{source}: {plural(repeated, 'repeated row')} ignored",) if repeated else (),
    )


def _to_text(cell: object) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    return join_labels(map(str, cell)) if isinstance(cell, list) else str(cell)


def _require_columns(names: Sequence[str], source: str) -> None:
    missing = [name for name in ("path", "label") if name not in names]
    if missing:
        existing = [name for name in names if name]
        raise DataError(
            f"{source} has no column {' and no column '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, existing)) or 'none'}{nearest(missing[0], existing)}: name the "
            "columns path, label and optionally split and group"
        )


def _split_labels(cell: str) -> tuple[str, ...]:
    names = [name.strip() for name in split_labels(cell)]
    return tuple(dict.fromkeys(name for name in names if name))


def _require_cells(paths: list[str], labels: list[tuple[str, ...]], source: str) -> None:
    empty = [row for row, path in enumerate(paths, start=2) if not path]
    if empty:
        raise DataError(
            f"{source}: no path in row {and_more(empty, MAX_LISTED)}; fill in or delete these rows"
        )
    unlabelled = [row for row, names in enumerate(labels, start=2) if not names]
    if unlabelled and all(len(names) < 2 for names in labels):
        raise DataError(
            f"{source}: no label in row {and_more(unlabelled, MAX_LISTED)}; fill in or delete "
            "these rows"
        )


def _parse_splits(cells: Sequence[str] | None, count: int, source: str) -> list[Split | None]:
    if cells is None or not any(cell.strip() for cell in cells):
        return [None] * count
    splits = [SPLIT_NAMES.get(cell.strip().lower()) for cell in cells]
    unknown = [row for row, split in enumerate(splits, start=2) if split is None]
    if unknown:
        raise DataError(
            f"{source}: unknown split in row {and_more(unknown, MAX_LISTED)}; give one of "
            f"{', '.join(SPLITS)} in every row, or leave all empty"
        )
    return splits


def _unique_rows(
    paths: list[str], labels: list[tuple[str, ...]], source: str
) -> tuple[list[int], list[UnusableFile]]:
    """The rows to keep; a path with two different sets of labels is an error."""
    first: dict[str, int] = {}
    unusable: list[UnusableFile] = []
    conflicts: list[str] = []
    for row, path in enumerate(paths):
        if "\0" in path:
            unusable.append(UnusableFile(path.replace("\0", "?"), "a name with a zero byte"))
        elif path not in first:
            first[path] = row
        elif set(labels[first[path]]) != set(labels[row]):
            conflicts.append(f"{path} (rows {first[path] + 2} and {row + 2})")
    if conflicts:
        raise DataError(
            f"{source} gives the same image different labels: {and_more(conflicts, MAX_LISTED)}; "
            f"keep one row an image and separate several labels by {LABEL_SEPARATOR}"
        )
    return list(first.values()), unusable


def _relative(root: Path, path: str) -> str:
    """In POSIX form, relative to root where it lies below."""
    if os.name == "nt":
        path = path.replace("\\", "/")
    pure = PurePosixPath(path)
    if pure.is_absolute() and pure.is_relative_to(root.as_posix()):
        pure = pure.relative_to(root.as_posix())
    return str(pure)
