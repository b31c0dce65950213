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
from foveal.dataset.listing import (
    MAX_INSPECTED_BYTES,
    FolderListing,
    ListedFile,
    is_image_name,
)
from foveal.dataset.tables.listed_tables import ListedFiles, open_listed
from foveal.dataset.tables.table import TABLE_SUFFIXES
from foveal.dataset.types import SPLIT_NAMES
from foveal.errors import ImageError


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


def open_unlabelled_archive(path: Path) -> Dataset:
    """All images of an archive, without labels; raises as `open_archive`."""
    listing = list_archive(path)
    found = {name: member for name, member in listing.members.items() if is_image_name(name)}
    return Dataset(
        root=path,
        paths=tuple(found),
        labels=((),) * len(found),
        archive_members=tuple(found.values()),
        unusable=tuple(listing.unusable),
    )


def _open_with_table(path: Path, members: Members, by_folders: Callable[[], Dataset]) -> Dataset:
    """The images that tables in the archive label; without such a table those of folders."""
    files = ListedFiles(
        path, members, lambda name: members[name].read(path), prefix=_common_folder(list(members))
    )
    dataset = open_listed(files, by_folders)
    return replace(dataset, archive_members=tuple(members[name] for name in dataset.paths))


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
