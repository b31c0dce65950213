"""Opens a .zip or .tar, read in place, laid out as a folder or as a table would be.

Nothing is unpacked onto the disk.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foveal.dataset.archive_listing import Members, list_archive
from foveal.dataset.dataset import Dataset
from foveal.dataset.folder import dataset_from_files
from foveal.dataset.labels import compose
from foveal.dataset.listing import ListedFile
from foveal.dataset.metadata import splits_of_paths
from foveal.dataset.table import TABLE_SUFFIXES, parse_table, table_dataset
from foveal.dataset.table_paths import FileSource
from foveal.dataset.types import SPLIT_NAMES, UnusableFile
from foveal.errors import DataError, ImageError


def open_archive(path: Path) -> Dataset:
    """The images of an archive; names and links that lead out of it and locked files are unusable.

    Raises DataError where it is not an archive, damaged, or has too many members.
    """
    skipped: list[str] = []
    listing = list_archive(path, skipped.append)
    members = listing.members
    prefix = _common_folder(list(members))
    table = _find_table(members, prefix)
    if table is not None:
        dataset = _open_archived_table(path, members, table)
        return replace(dataset, layout_notes=(*listing.notes, *dataset.layout_notes))
    files = [ListedFile(tuple(name.split("/"))) for name in members]
    dataset = dataset_from_files(path, files, skipped, source="archive")
    return replace(
        dataset,
        archive_members=tuple(members[name] for name in dataset.paths),
        unusable=(*dataset.unusable, *listing.unusable),
        layout_notes=(*listing.notes, *dataset.layout_notes),
    )


def _common_folder(names: list[str]) -> str:
    """`images/` where everything lies in one folder that is no split and no class."""
    if not names:
        return ""
    first = names[0].split("/")[0]
    prefix = f"{first}/"
    if first.lower() in SPLIT_NAMES or not all(name.startswith(prefix) for name in names):
        return ""
    inner = [name.removeprefix(prefix) for name in names]
    is_dataset = any("/" in name or name.lower().endswith(TABLE_SUFFIXES) for name in inner)
    return prefix if is_dataset else ""


def _find_table(members: Members, prefix: str) -> str | None:
    """The table at the top level where there is exactly one."""
    tables = [name for name in members if _is_table(name.removeprefix(prefix))]
    return tables[0] if len(tables) == 1 else None


def _is_table(name: str) -> bool:
    """Whether a member's name is that of a table; JSON Lines hold other things too."""
    name = name.lower()
    json_lines = name.endswith(".jsonl") and name != "metadata.jsonl"
    return name.endswith(TABLE_SUFFIXES) and not json_lines and "/" not in name


def _open_archived_table(path: Path, members: Members, table: str) -> Dataset:
    source = f"{path}/{table}"
    try:
        content = members[table].read(path)
    except ImageError as error:
        raise DataError(
            f"cannot read {source}: {error.reason}; create the archive again"
        ) from error
    folder = "" if "/" not in table else table.rpartition("/")[0] + "/"

    composed = {compose(name): name for name in members}

    def stamp(name: str) -> str:
        name = folder + name
        return name if name in members else composed.get(compose(name), "")

    def names() -> list[str]:
        return [name.removeprefix(folder) for name in members if name.startswith(folder)]

    way_out = "write the paths as they are in the archive"
    files = FileSource(str(path), stamp, names, way_out)
    dataset = table_dataset(parse_table(content, source), path, source, files=files)
    if table.removeprefix(folder).startswith("metadata.") and not any(dataset.splits):
        dataset = replace(dataset, splits=splits_of_paths(dataset.paths))
    rows = [row for row, name in enumerate(dataset.file_stamps) if name]
    missing = tuple(
        UnusableFile(dataset.paths[row], "not in the archive")
        for row, name in enumerate(dataset.file_stamps)
        if not name
    )
    return replace(
        dataset.subset(rows),
        paths=tuple(dataset.file_stamps[row] for row in rows),
        file_stamps=(),
        archive_members=tuple(members[dataset.file_stamps[row]] for row in rows),
        unusable=(*dataset.unusable, *missing),
    )
