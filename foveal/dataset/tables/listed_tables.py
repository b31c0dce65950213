"""Tables among files that are known by their names only: members of an archive, dropped files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.tables.metadata import (
    METADATA_NAMES,
    FoundTables,
    MetadataSource,
    open_metadata,
    open_only_table,
    tables_of_splits,
)
from foveal.dataset.tables.table import TABLE_SUFFIXES, Table, parse_table, table_dataset
from foveal.dataset.tables.table_paths import FileSource
from foveal.dataset.types import UnusableFile
from foveal.errors import DataError, ImageError
from foveal.text import compose, list_quoted


@dataclass(frozen=True)
class ListedFiles:
    """Files below `root`, by their names with / between folders.

    read: the bytes of one; it raises ImageError.  kind: what they lie in, `archive` or `folder`,
    for messages, and name: its own, else that of root.  prefix: the folder around all of them,
    `images/`, or empty.
    """

    root: Path
    names: Collection[str]
    read: Callable[[str], bytes]
    kind: str = "archive"
    name: str = ""
    prefix: str = ""


def listed_tables(names: Collection[str], prefix: str = "") -> list[str]:
    """The tables that label the files: metadata of the top folder or of splits, or the one table
    of the top folder.  JSON Lines hold other things too, and are none unless called metadata.
    """
    found = _find_metadata(names, prefix)
    if found:
        return [table for _, tables in found for table in tables]
    tables = tables_at_top(names, prefix)
    return tables if len(tables) == 1 else []


def tables_at_top(names: Iterable[str], prefix: str = "") -> list[str]:
    """Tables of any name directly below `prefix`."""
    return [name for name in names if _is_table(name.removeprefix(prefix))]


def open_listed(files: ListedFiles, open_folders: Callable[[], Dataset]) -> Dataset:
    """The images that a table among the files labels, else those of `open_folders`.

    A table without the columns path and label leaves folders that are classes as they are.
    Raises DataError as `open_table`.
    """
    read = cache(partial(_read_table, files))
    source = MetadataSource(
        files.root,
        column_names=lambda table: list(read(table).columns),
        open_table=lambda table: _open_table(files, table, read(table)),
        open_folders=open_folders,
        names=lambda: files.names,
    )
    found = _find_metadata(files.names, files.prefix)
    if found:
        return open_metadata(source, found)
    tables = tables_at_top(files.names, files.prefix)
    if len(tables) == 1:
        return open_only_table(source, tables[0])
    dataset = open_folders()
    note = several_tables_note(files.name or str(files.root), tables)
    return replace(dataset, notes=(*dataset.notes, *note))


def several_tables_note(name: str, tables: Sequence[str]) -> tuple[str, ...]:
    """A note where more than one table may be the one, so that none is read."""
    if len(tables) < 2:
        return ()
    listed = list_quoted(tables)
    return (
        f"no table is read, as there are {len(tables)} in {name}: {listed}; leave only the one "
        "with the columns path and label",
    )


def _find_metadata(names: Collection[str], prefix: str) -> FoundTables:
    """Tables called metadata at the top level, else in the folders of splits."""
    at_top = [prefix + name for name in METADATA_NAMES if prefix + name in names]
    return [("", at_top)] if at_top else tables_of_splits(names, prefix)


def _is_table(name: str) -> bool:
    name = name.lower()
    return name.endswith(TABLE_SUFFIXES) and not name.endswith(".jsonl") and "/" not in name


def _read_table(files: ListedFiles, table: str) -> Table:
    source = str(files.root / table)
    try:
        content = files.read(table)
    except ImageError as error:
        raise DataError(
            f"cannot read {source}: {error.reason}; create the {files.kind} again"
        ) from error
    return parse_table(content, source)


def _open_table(files: ListedFiles, name: str, table: Table) -> Dataset:
    folder = "" if "/" not in name else name.rpartition("/")[0] + "/"
    composed = {compose(each): each for each in files.names}

    def stamp(path: str) -> str:
        """The file's own name, by which the rows below find it."""
        path = folder + path
        return path if path in files.names else composed.get(compose(path), "")

    def names() -> list[str]:
        return [each.removeprefix(folder) for each in files.names if each.startswith(folder)]

    way_out = f"write the paths as they are in the {files.kind}"
    source = FileSource(files.name or str(files.root), stamp, names, way_out)
    dataset = table_dataset(table, files.root, str(files.root / name), files=source)
    rows = [row for row, found in enumerate(dataset.file_stamps) if found]
    missing = tuple(
        UnusableFile(dataset.paths[row], f"not in the {files.kind}")
        for row, found in enumerate(dataset.file_stamps)
        if not found
    )
    return replace(
        dataset.subset(rows),
        paths=tuple(dataset.file_stamps[row] for row in rows),
        file_stamps=(),
        unusable=(*dataset.unusable, *missing),
    )
