"""The members of a .zip: names in their encoding, links, and what cannot be read."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Sequence
from pathlib import Path

from foveal.dataset.archives.archive_entry import MAX_MEMBERS, ArchiveEntry, too_many_members
from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.archives.archive_names import decode_names, with_slashes
from foveal.dataset.archives.zip_directory import UTF8_FLAG, ZipRecord, read_directory
from foveal.dataset.types import LayoutNote
from foveal.errors import ImageError

MAX_LINK_BYTES = 4096
"""The longest target of a link that a .zip holds as a file."""


def zip_entries(path: Path) -> tuple[list[ArchiveEntry], list[LayoutNote]]:
    """The entries in their order, and how the names were read; see `list_archive` for errors."""
    infos: Sequence[ZipRecord | zipfile.ZipInfo] | None = read_directory(path)
    if infos is None:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise too_many_members(path)
    names, notes = _zip_names(infos)
    seen: set[str] = set()
    entries = []
    for info, name in zip(infos, names, strict=True):
        if name.endswith("/"):  # also one whose name ended with a backslash
            entries.append(ArchiveEntry(name, is_folder=True))
            continue
        entry = ArchiveEntry(name, reason=_unsupported(info))
        if name in seen:
            entry.reason = entry.reason or "a second file of the same name"
        elif _is_zip_link(info):
            _read_zip_link(path, entry, info)
        else:
            entry.member = _zip_member(info)
        seen.add(name)
        entries.append(entry)
    return entries, notes


def _zip_names(
    infos: Sequence[ZipRecord | zipfile.ZipInfo],
) -> tuple[list[str], list[LayoutNote]]:
    """Names in the encoding they were written in; zipfile takes CP437 where none is declared."""
    names = [info.filename for info in infos]
    undeclared = [
        index
        for index, info in enumerate(infos)
        if not info.flag_bits & UTF8_FLAG
        and info.orig_filename == info.filename
        and not info.filename.isascii()
    ]
    decoded, note = decode_names([names[index].encode("cp437") for index in undeclared])
    for index, name in zip(undeclared, decoded, strict=True):
        names[index] = name
    files = [index for index, name in enumerate(names) if not name.endswith("/")]
    slashed, slash_note = with_slashes([names[index] for index in files])
    for index, name in zip(files, slashed, strict=True):
        names[index] = name
    return names, [one for one in (note, slash_note) if one is not None]


def _is_zip_link(info: ZipRecord | zipfile.ZipInfo) -> bool:
    return (info.external_attr >> 16) & 0o170000 == 0o120000


def _read_zip_link(path: Path, entry: ArchiveEntry, info: ZipRecord | zipfile.ZipInfo) -> None:
    """Set the entry's link from the bytes of the member."""
    if entry.reason is not None:
        return
    if info.file_size > MAX_LINK_BYTES:
        entry.reason = "a symbolic link with a target of too many bytes"
        return
    try:
        target = _zip_member(info).read(path).decode("utf-8", "surrogateescape")
    except ImageError as error:
        entry.reason = error.reason
        return
    entry.link = posixpath.join(posixpath.dirname(entry.name), target)


def _zip_member(info: ZipRecord | zipfile.ZipInfo) -> ArchiveMember:
    return ArchiveMember(
        "zip",
        info.header_offset,
        info.compress_size,
        info.file_size,
        deflated=info.compress_type == zipfile.ZIP_DEFLATED,
        checksum=info.CRC,
    )


def _unsupported(info: ZipRecord | zipfile.ZipInfo) -> str | None:
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed by a method other than deflate"
    return None
