"""Opens a .zip or .tar, read in place, laid out as a folder or as a table would be.

Nothing is unpacked onto the disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from foveal.dataset.archives.archive_listing import ArchiveListing, Members, list_archive
from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.folder import dataset_from_files
from foveal.dataset.listing import MAX_INSPECTED_BYTES, FolderListing, ListedFile
from foveal.dataset.tables.metadata import (
    METADATA_NAMES,
    FoundTables,
    MetadataSource,
    open_metadata,
    tables_of_splits,
)
from foveal.dataset.tables.table import TABLE_SUFFIXES, Table, parse_table, table_dataset
from foveal.dataset.tables.table_paths import FileSource
from foveal.dataset.types import SPLIT_NAMES, UnusableFile
from foveal.errors import DataError, ImageError
from foveal.text import compose


def open_archive(path: Path) -> Dataset:
    """The images of an archive; names and links that lead out of it and locked files are unusable.

    Raises DataError where it is not an archive, damaged, or has too many members.
    """
    skipped: list[str] = []
    listing = list_archive(path, skipped.append)
    dataset = _open_with_table(
        path, listing.members, partial(_open_folders, path, listing, skipped)
    )
    return replace(dataset, layout_notes=(*listing.notes, *dataset.layout_notes))


def _open_with_table(path: Path, members: Members, by_folders: Callable[[], Dataset]) -> Dataset:
    """The images that tables in the archive label; without such a table those of folders."""
    prefix = _common_folder(list(members))
    found = _find_metadata(members, prefix)
    if found:
        source = MetadataSource(
            path,
            column_names=lambda table: list(_read_table(path, members, table).columns),
            open_table=partial(_open_archived_table, path, members),
            open_folders=by_folders,
            names=lambda: members,
        )
        return open_metadata(source, found)
    table = _find_table(members, prefix)
    return by_folders() if table is None else _open_archived_table(path, members, table)


def _open_folders(path: Path, listing: ArchiveListing, skipped: Sequence[str]) -> Dataset:
    members = listing.members
    files = FolderListing(
        files=[ListedFile(tuple(name.split("/"))) for name in members],
        skipped=skipped,
        folders=[tuple(name.split("/")) for name in listing.folders],
        read=partial(_read_member, path, members),
    )
    dataset = dataset_from_files(path, files, source="archive")
    return replace(
        dataset,
        archive_members=tuple(members[name] for name in dataset.paths),
        unusable=(*dataset.unusable, *listing.unusable),
    )


def _find_metadata(members: Members, prefix: str) -> FoundTables:
    """Tables called metadata at the top level, else in the folders of splits."""
    at_top = [prefix + name for name in METADATA_NAMES if prefix + name in members]
    return [("", at_top)] if at_top else tables_of_splits(members, prefix)


def _read_member(path: Path, members: Members, parts: tuple[str, ...]) -> bytes:
    member = members["/".join(parts)]
    with contextlib.suppress(ImageError):
        if max(member.size, member.compressed_size) <= MAX_INSPECTED_BYTES:
            return member.read(path)
    return b""


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
    return name.endswith(TABLE_SUFFIXES) and not name.endswith(".jsonl") and "/" not in name


def _read_table(path: Path, members: Members, table: str) -> Table:
    source = f"{path}/{table}"
    try:
        content = members[table].read(path)
    except ImageError as error:
        raise DataError(
            f"cannot read {source}: {error.reason}; create the archive again"
        ) from error
    return parse_table(content, source)


def _open_archived_table(path: Path, members: Members, table: str) -> Dataset:
    source = f"{path}/{table}"
    folder = "" if "/" not in table else table.rpartition("/")[0] + "/"
    composed = {compose(name): name for name in members}

    def stamp(name: str) -> str:
        """The member's own name, by which the rows below find it."""
        name = folder + name
        return name if name in members else composed.get(compose(name), "")

    def names() -> list[str]:
        return [name.removeprefix(folder) for name in members if name.startswith(folder)]

    way_out = "write the paths as they are in the archive"
    files = FileSource(str(path), stamp, names, way_out)
    dataset = table_dataset(_read_table(path, members, table), path, source, files=files)
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
