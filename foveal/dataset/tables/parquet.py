"""Reads Parquet tables, also those of the datasets library that hold the images themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from foveal.dataset.dataset import Dataset
from foveal.dataset.shards.row_group import open_parquet_file
from foveal.dataset.tables.columns import parse_columns
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.errors import DataError, ImageError, MissingExtra
from foveal.remote import address_of
from foveal.text import first_line_of

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet as pq

Columns = Mapping[str, Sequence[object]]
MAX_ROWS = 20_000_000
MAX_GROUP_BYTES = 2 << 30
"""Bytes of the images of one row group, which are read together."""


def is_parquet(name: str) -> bool:
    """Whether the suffix of a name is that of Parquet."""
    return name.lower().endswith(".parquet")


@dataclass(frozen=True)
class ParquetImages:
    """The images inside a Parquet file: `column` is the leaf column of their bytes."""

    path: Path
    column: str
    group_rows: tuple[int, ...]

    def dataset(self, columns: Columns, source: str) -> Dataset:
        """The images with the other columns of the table; raises DataError, see `parse_columns`."""
        members = tuple(
            ParquetImage("parquet", self.column, group, row)
            for group, rows in enumerate(self.group_rows)
            for row in range(rows)
        )
        return Dataset.from_parsed(
            self.path, parse_columns(self.path, columns, source), archive_members=members
        )


class ParquetTable(NamedTuple):
    """images: where those are that the table holds.  class_names: all that it notes for label."""

    columns: Columns
    images: ParquetImages | None = None
    class_names: tuple[str, ...] = ()


def open_parquet(file: Path | bytes, source: str | None = None) -> ParquetTable:
    """The columns of a table, and where the images are that it holds, if any.

    Raises DataError: no valid Parquet file, too large; MissingExtra: without pyarrow.
    """
    address = address_of(file) if isinstance(file, Path) else None
    source = source or address or str(file)
    if address is None and isinstance(file, Path) and not file.is_file():
        raise DataError(f"cannot read {source}: not a regular file; give another table")
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtra(f"reading {source}", "table") from error
    try:
        return _read_parquet(file, source)
    except ImageError as error:
        raise DataError(f"cannot read {source}: {error.reason}") from error
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{source} is not a valid Parquet file: {first_line_of(error)}; write it again"
        ) from error


def _read_parquet(file: Path | bytes, source: str) -> ParquetTable:
    import pyarrow
    from pyarrow import parquet as pq

    # With its threads pyarrow leaves some behind, which now and then abort the process at its end
    # (pyarrow 26: "terminate called without an active exception").
    content = (
        pyarrow.BufferReader(file) if isinstance(file, bytes) else open_parquet_file(str(file))
    )
    with pq.ParquetFile(content, pre_buffer=False) as table:
        if table.metadata.num_rows > MAX_ROWS:
            raise DataError(f"{source} has more than {MAX_ROWS:,} rows; divide it")
        image = _image_column(table, source)
        if image is None:
            if isinstance(file, Path) and address_of(file):
                raise DataError(
                    f"{source} holds no images: its column of images must be struct{{bytes, path}} "
                    "or bytes called image; download a table that names files, with its files"
                )
            content = table.read(use_threads=False)
            columns = {name: content[name].to_pylist() for name in content.column_names}
            for field in table.schema_arrow:
                if _is_image_struct(field) and "path" not in columns:
                    cells = columns.pop(field.name)
                    columns["path"] = [cell and cell.get("path") for cell in cells]
            named, names = _with_class_names(columns, table.schema_arrow)
            return ParquetTable(named, class_names=names)
        columns = _other_columns(table, image)
        leaf = f"{image}.bytes" if _is_image_struct(table.schema_arrow.field(image)) else image
        groups = tuple(
            table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)
        )
        _require_small_groups(table, leaf, source)
        path = file if isinstance(file, Path) else Path(source)
        named, names = _with_class_names(columns, table.schema_arrow)
        return ParquetTable(named, ParquetImages(path, leaf, groups), names)


def _image_column(table: pq.ParquetFile, source: str) -> str | None:
    """The column that holds images: struct{bytes, path}, or bytes where it is called image."""
    schema = table.schema_arrow
    names = [field.name for field in schema if _is_image_struct(field)]
    names = [name for name in names if not _has_only_paths(table, f"{name}.bytes")]
    names += [
        field.name
        for field in schema
        if field.name.lower() in ("image", "img") and _is_bytes(field.type)
    ]
    if len(names) > 1 and "image" not in names:
        raise DataError(
            f"{source} has {len(names)} columns of images ({', '.join(names)}); call the one to "
            "learn from 'image'"
        )
    return "image" if "image" in names else next(iter(names), None)


def _is_image_struct(field: pyarrow.Field) -> bool:
    from pyarrow import types

    if not types.is_struct(field.type):
        return False
    index = field.type.get_field_index("bytes")
    return index >= 0 and _is_bytes(field.type.field(index).type)


def _is_bytes(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _chunks(table: pq.ParquetFile, leaf: str) -> list[Any]:
    """The metadata of a leaf column in every row group."""
    groups = [table.metadata.row_group(group) for group in range(table.num_row_groups)]
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    return [chunk for chunk in chunks if chunk.path_in_schema == leaf]


def _has_only_paths(table: pq.ParquetFile, leaf: str) -> bool:
    statistics = [(chunk.statistics, chunk.num_values) for chunk in _chunks(table, leaf)]
    return bool(statistics) and all(
        one is not None and one.has_null_count and one.null_count == count
        for one, count in statistics
    )


def _require_small_groups(table: pq.ParquetFile, leaf: str, source: str) -> None:
    largest = max((chunk.total_uncompressed_size for chunk in _chunks(table, leaf)), default=0)
    if largest > MAX_GROUP_BYTES:
        raise DataError(
            f"{source} has a row group with {largest >> 20:,} MiB of images, more than "
            f"{MAX_GROUP_BYTES >> 20:,}; write it with smaller row groups, such as "
            "row_group_size=1000"
        )


def _other_columns(table: pq.ParquetFile, image: str) -> dict[str, list[Any]]:
    """Every column that holds no images, and `path`: the names of the images, each once."""
    schema = table.schema_arrow
    names = [field.name for field in schema if field.name != image and not _is_image_struct(field)]
    field = schema.field(image)
    has_path = _is_image_struct(field) and field.type.get_field_index("path") >= 0
    read = [*names, f"{image}.path"] if has_path else names
    content = table.read(columns=read, use_threads=False).flatten() if read else None
    columns = {}
    for name in names:
        if content is not None and name in content.column_names:
            columns[name] = content[name].to_pylist()
    if "path" not in columns:
        given = content[f"{image}.path"].to_pylist() if content is not None and has_path else []
        columns["path"] = _unique_names(given, table.metadata.num_rows)
    return columns


def _unique_names(given: Sequence[str | None], rows: int) -> list[str]:
    names = [PurePosixPath(name or "").name for name in given] or [""] * rows
    if all(names) and len(set(names)) == rows:
        return names
    return [f"{row:06d}-{name}" if name else f"{row:06d}" for row, name in enumerate(names)]


def _with_class_names(
    columns: dict[str, list[Any]], schema: pyarrow.Schema
) -> tuple[Columns, tuple[str, ...]]:
    """The label column with names for numbers, as the datasets library notes them in `schema`.

    Also all these names, none where there are none.
    """
    names = _class_names(schema)
    if "label" not in columns and len(names) == 1 and next(iter(names)) in columns:
        (other,) = names
        columns["label"] = columns.pop(other)
        names = {"label": names[other]}
    if "label" not in names or "label" not in columns:
        return columns, ()
    labels = [_named(cell, names["label"]) for cell in columns["label"]]
    return {**columns, "label": labels}, tuple(names["label"])


def _named(cell: Any, names: Sequence[str]) -> Any:
    """A list of the name, so that no separator in it counts; what is no number of one stays."""
    if isinstance(cell, list):
        return [one for part in cell for one in _named(part, names)]
    if isinstance(cell, int) and 0 <= cell < len(names):
        return [names[cell]]
    return None if cell is None or cell == -1 else [str(cell)]


def _class_names(schema: pyarrow.Schema) -> dict[str, list[str]]:
    """The class names of every column that is a ClassLabel or a sequence of them."""
    try:
        info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = info["info"]["features"]
        kinds = {name: _class_label(feature) for name, feature in features.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: names for name, names in kinds.items() if names}


def _class_label(feature: Any) -> list[str] | None:
    if isinstance(feature, list) and feature:
        feature = feature[0]
    if isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    names = feature.get("names") if feature.get("_type") == "ClassLabel" else None
    return [str(name) for name in names] if isinstance(names, list) else None
