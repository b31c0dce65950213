"""Reads a CSV, TSV, JSON Lines or Parquet table with the columns path, label, split and group.

Image paths are resolved against the table's folder or another one; no image is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.tables.columns import RowNumbers, parse_columns
from foveal.dataset.tables.json_lines import parse_json_lines
from foveal.dataset.tables.parquet import ParquetImages, is_parquet, open_parquet
from foveal.dataset.tables.table_paths import FileSource, find_files, folder_source
from foveal.dataset.tables.table_text import decode_text, read_rows, to_columns
from foveal.errors import DataError, ImageError
from foveal.images.file_bytes import read_bytes
from foveal.text import compose

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
"""Suffixes of the files read as tables."""


@dataclass(frozen=True)
class Table:
    """The columns of a table, what its rows are called in messages, and notes on reading it.

    images: those inside the table, if it has any.  class_names: all that a Parquet file notes.
    """

    columns: Mapping[str, Sequence[object]]
    numbers: RowNumbers
    notes: tuple[str, ...] = ()
    images: ParquetImages | None = None
    class_names: tuple[str, ...] = ()


def open_table(path: Path, root: Path | None = None) -> Dataset:
    """The images of a table; `root` is the folder of the images, else that of the table.

    Raises DataError: unreadable, no valid table, no file found, or see `parse_columns`;
    MissingExtra: Parquet without pyarrow.
    """
    table = _open(path)
    if table.images is not None:
        dataset = table.images.dataset(table.columns, str(path))
        return _with_empty_classes(dataset, table.class_names)
    return table_dataset(table, root or path.parent, str(path), replace_absolute=root is not None)


def read_columns(path: Path) -> Mapping[str, Sequence[object]]:
    """The columns of a table; raises as `open_table` does."""
    return _open(path).columns


def _open(path: Path) -> Table:
    if not is_parquet(path.name):
        return parse_table(_read(path), str(path))
    columns, images, names = open_parquet(path)
    return Table(columns, RowNumbers("row", _count(columns)), images=images, class_names=names)


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except ImageError as error:
        raise DataError(f"cannot read {path}: {error.reason}; give another table") from error


def table_dataset(
    table: Table,
    root: Path,
    source: str,
    *,
    files: FileSource | None = None,
    replace_absolute: bool = False,
) -> Dataset:
    """The images of a table that `source` names, in `files`, else in the folder `root`."""
    find = partial(
        find_files,
        files=files or folder_source(root),
        table=source,
        replace_absolute=replace_absolute,
    )
    parsed = parse_columns(root, table.columns, source, numbers=table.numbers, find=find)
    parsed = replace(parsed, layout_notes=(*table.notes, *parsed.layout_notes))
    return _with_empty_classes(Dataset.from_parsed(root, parsed), table.class_names)


def _with_empty_classes(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The data set, which knows the names of classes that no row has."""
    empty = [name for name in map(compose, names) if name not in dataset.classes]
    return replace(dataset, empty_classes=tuple(dict.fromkeys(empty))) if empty else dataset


def parse_table(content: bytes, source: str) -> Table:
    """The columns of a table whose name is `source`; its suffix decides the format."""
    if is_parquet(source):
        columns, images, names = open_parquet(content, source)
        if images is not None:
            raise DataError(f"{source} holds images itself; give it alone")
        return Table(columns, RowNumbers("row", _count(columns)), class_names=names)
    text, notes = decode_text(content, source)
    if source.lower().endswith(".jsonl"):
        columns, lines = parse_json_lines(text, source)
        return Table(columns, RowNumbers("line", lines), notes)
    rows = read_rows(text, source)
    if not rows:
        raise DataError(f"{source} is empty; its first line must name the columns path and label")
    return Table(
        to_columns(rows, source), RowNumbers("line", [line for line, _ in rows[1:]]), notes
    )


def _count(columns: Mapping[str, Sequence[object]]) -> Sequence[int]:
    return range(1, max(map(len, columns.values()), default=0) + 1)
