"""Reads a CSV, TSV or Parquet table with the columns path, label, split and group.

Image paths are resolved against the table's folder; no image is opened.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from foveal.dataset.cells import unescape_formula
from foveal.dataset.columns import MAX_LISTED, RESERVED
from foveal.dataset.dataset import Dataset
from foveal.errors import DataError, ImageError, MissingExtra
from foveal.images.decode import read_bytes
from foveal.text import and_more

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
"""Suffixes of the files read as tables."""


def open_table(path: Path) -> Dataset:
    """The images of a table.

    Raises DataError: unreadable, no valid table, or see `parse_columns`; MissingExtra: Parquet
    without pyarrow.
    """
    try:
        content = read_bytes(path)
    except ImageError as error:
        raise DataError(f"cannot read {path}: {error.reason}; give another table") from error
    return Dataset.from_columns(path.parent, parse_table(content, str(path)), str(path))


def parse_table(content: bytes, source: str) -> Mapping[str, Sequence[object]]:
    """The columns of a table whose name is `source`; its suffix decides the format."""
    if source.lower().endswith(".parquet"):
        return _parse_parquet(content, source)
    return _parse_csv(content, source)


def _parse_csv(content: bytes, source: str) -> dict[str, list[str]]:
    """Columns of a CSV or TSV (UTF-8; comma, semicolon or tab, as in its first line)."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        ) from error
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{source} is not a valid CSV file: {error}; correct that line") from error
    if not rows:
        raise DataError(f"{source} is empty; its first line must name the columns path and label")
    return _to_columns(rows, source)


def _to_columns(rows: list[list[str]], source: str) -> dict[str, list[str]]:
    names = [name.strip() for name in rows[0]]
    for name in RESERVED:
        if names.count(name) > 1:
            raise DataError(f"{source} has {names.count(name)} columns '{name}'; keep one")
    body = [(line, row) for line, row in enumerate(rows[1:], start=2) if row]
    wrong = [line for line, row in body if len(row) != len(names)]
    if wrong:
        raise DataError(
            f"{source}: row {and_more(wrong, MAX_LISTED)} does not have the {len(names)} columns "
            "of the first line; put cells that contain the separator in double quotes"
        )
    return {
        name: [unescape_formula(row[index]) for _, row in body] for index, name in enumerate(names)
    }


def _parse_parquet(content: bytes, source: str) -> dict[str, list[object]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra(f"reading {source}", "table") from error
    try:
        # read_table leaves threads of its pool behind, which now and then abort the process at its
        # end (pyarrow 26: "terminate called without an active exception").
        with parquet.ParquetFile(pyarrow.BufferReader(content), pre_buffer=False) as file:
            table = file.read(use_threads=False)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{source} is not a valid Parquet file: {first}; write it again") from error
    return {name: table[name].to_pylist() for name in table.column_names}
