"""A CSV or Parquet table with columns path, label, split, group to a Listing.

Knows nothing of pixels and opens no image; relative paths resolve against the table.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from foveal.dataset.dataset import SPLITS, Dataset, Split, UnusableFile
from foveal.dataset.folder import SPLIT_NAMES
from foveal.errors import DataError, ImageError, MissingExtra
from foveal.images.decode import MAX_FILE_BYTES, read_bytes
from foveal.text import nearest

Columns = Mapping[str, Sequence[str]]
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
"""Suffixes of the files read as tables."""
LABEL_SEPARATOR = "|"
MAX_LISTED = 5
_RESERVED_COLUMNS = ("path", "label", "split", "group")


def open_table(path: Path) -> Dataset:
    """The images a table names; rows that name no image are errors that name the lines.

    Raises DataError: columns missing, unknown splits, conflicting rows; MissingExtra: Parquet
    without pyarrow.
    """
    try:
        content = read_bytes(path)
    except ImageError as error:
        raise DataError(
            f"cannot read {path}: {error.reason}; tables may have {MAX_FILE_BYTES // 2**20} MiB"
        ) from error
    if path.suffix.lower() == ".parquet":
        columns = parse_parquet(content, str(path))
    else:
        columns = parse_csv(content, str(path))
    return from_rows(path.parent, columns, str(path))


def parse_csv(content: bytes, where: str) -> dict[str, list[str]]:
    """Columns of a CSV or TSV (UTF-8; comma, semicolon or tab, as in its first line)."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        ) from error
    first = text.split("\n", 1)[0]
    between = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True))
    except csv.Error as error:
        raise DataError(f"{where} is not a valid CSV file: {error}; mend that line") from error
    if not rows:
        raise DataError(f"{where} is empty; its first line must name the columns path and label")
    names = [name.strip() for name in rows[0]]
    for name in _RESERVED_COLUMNS:
        if names.count(name) > 1:
            raise DataError(f"{where} has {names.count(name)} columns '{name}'; keep one")
    body = [(line, row) for line, row in enumerate(rows[1:], start=2) if row]
    wrong = [str(line) for line, row in body if len(row) != len(names)]
    if wrong:
        raise DataError(
            f"{where}: row {_some(wrong)} has not the {len(names)} columns of the first line; "
            "put cells that hold the separator in double quotes"
        )
    return {name: [row[place] for _, row in body] for place, name in enumerate(names)}


def parse_parquet(content: bytes, where: str) -> dict[str, list[str]]:
    """Columns of a Parquet file as text; empty cells are empty text, lists are joined with |."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra(f"reading {where}", "table") from error
    try:
        table = parquet.read_table(pyarrow.BufferReader(content))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{where} is not a valid Parquet file: {first}; write it again") from error
    return {name: [_text(cell) for cell in table[name].to_pylist()] for name in table.column_names}


def from_columns(root: Path, columns: Mapping[str, Sequence[object]], where: str) -> Dataset:
    """A Listing of columns of any values; None and not-a-number are empty cells."""
    texts = {str(name): [_text(cell) for cell in cells] for name, cells in columns.items()}
    return from_rows(root, texts, where)


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    return LABEL_SEPARATOR.join(map(str, cell)) if isinstance(cell, list) else str(cell)


def from_rows(root: Path, columns: Columns, where: str) -> Dataset:
    """A Listing of columns of text; `where` names the table in messages."""
    _need(columns, where)
    labels = [_labels(cell) for cell in columns["label"]]
    paths = [cell.strip() for cell in columns["path"]]
    _all_filled(paths, labels, where)
    paths = [_normal(root, path) for path in paths]  # `./1.png` is `1.png`
    many = any(len(found) > 1 for found in labels)
    rows, unusable = _rows(paths, where, labels)
    groups = columns.get("group", [""] * len(paths))
    splits = _splits(columns.get("split"), len(paths), where)
    made = Dataset(
        root=root,
        paths=tuple(paths),
        labels=tuple(labels),
        splits=tuple(splits),
        groups=tuple(cell.strip() or None for cell in groups),
        task="multi" if many else "single",
        extra_columns={
            name: tuple(cells) for name, cells in columns.items() if name not in _RESERVED_COLUMNS
        },
    )
    repeated = len(paths) - len(rows) - len(unusable)
    chosen = made.subset(rows) if len(rows) < len(paths) else made
    notes = (f"{where}: {repeated} repeated rows counted once",) if repeated else ()
    return replace(chosen, unusable=tuple(unusable), notes=notes)


def _need(columns: Columns, where: str) -> None:
    missing = [name for name in ("path", "label") if name not in columns]
    if missing:
        have = [name for name in columns if name]
        near = nearest(missing[0], have)
        raise DataError(
            f"{where} has no column {' and no column '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, have)) or 'none'}{near}: name the columns path, label and, "
            "if wanted, split and group"
        )


def _labels(cell: str) -> tuple[str, ...]:
    parts = [part.strip() for part in cell.split(LABEL_SEPARATOR)]
    return tuple(dict.fromkeys(part for part in parts if part))


def _all_filled(paths: list[str], labels: list[tuple[str, ...]], where: str) -> None:
    empty = [str(row) for row, path in enumerate(paths, start=2) if not path]
    if empty:
        raise DataError(f"{where}: no path in row {_some(empty)}; fill in or delete these rows")
    bare = [str(row) for row, found in enumerate(labels, start=2) if not found]
    if bare and all(len(found) < 2 for found in labels):
        raise DataError(f"{where}: no label in row {_some(bare)}; fill in or delete these rows")


def _splits(cells: Sequence[str] | None, count: int, where: str) -> list[Split | None]:
    if cells is None or not any(cell.strip() for cell in cells):
        return [None] * count
    found = [SPLIT_NAMES.get(cell.strip().lower()) for cell in cells]
    wrong = [str(row) for row, split in enumerate(found, start=2) if split is None]
    if wrong:
        raise DataError(
            f"{where}: no known split in row {_some(wrong)}; every row must say "
            f"{', '.join(SPLITS)}, or none at all"
        )
    return list(found)


def _rows(
    paths: list[str], where: str, labels: list[tuple[str, ...]]
) -> tuple[list[int], list[UnusableFile]]:
    """Rows to take, each image once; a path with two different labels stops the work."""
    first: dict[str, int] = {}
    unusable: list[UnusableFile] = []
    rows: list[int] = []
    clash: list[str] = []
    for row, path in enumerate(paths):
        if "\0" in path:
            unusable.append(UnusableFile(path.replace("\0", "?"), "a name with a zero byte"))
        elif path in first:
            if set(labels[first[path]]) != set(labels[row]):
                clash.append(f"{path} (rows {first[path] + 2} and {row + 2})")
        else:
            first[path] = row
            rows.append(row)
    if clash:
        raise DataError(
            f"{where} gives the same image different labels: {_some(clash)}; "
            "keep one row for each, several labels in one cell are separated by |"
        )
    return rows, unusable


def _normal(root: Path, path: str) -> str:
    """Relative to root in POSIX form where it lies below, else as it is."""
    if os.name == "nt":
        path = path.replace("\\", "/")
    pure = PurePosixPath(path)
    if pure.is_absolute() and pure.is_relative_to(root.as_posix()):
        pure = pure.relative_to(root.as_posix())
    return str(pure)


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - MAX_LISTED} more" if len(items) > MAX_LISTED else ""
    return ", ".join(items[:MAX_LISTED]) + more
