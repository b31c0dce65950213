"""The members of a .tar: names in their encoding, links, and what cannot be read."""

from __future__ import annotations

import posixpath
import tarfile
from pathlib import Path

from foveal.dataset.archives.archive_entry import MAX_MEMBERS, ArchiveEntry, too_many_members
from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.archives.archive_names import decode_names, with_slashes
from foveal.dataset.archives.tar_headers import open_tar, tar_headers
from foveal.dataset.types import LayoutNote


def tar_entries(path: Path) -> tuple[list[ArchiveEntry], list[LayoutNote]]:
    """The entries in their order, and how the names were read; see `list_archive` for errors."""
    entries: list[ArchiveEntry] = []
    with path.open("rb") as file, open_tar(file) as archive:
        for count, info in enumerate(tar_headers(archive)):
            if count >= MAX_MEMBERS:
                raise too_many_members(path)
            entries.append(_entry(info))
    return _with_decoded_names(entries)


def _entry(info: tarfile.TarInfo) -> ArchiveEntry:
    name = info.name.removeprefix("./")
    if info.isdir():
        return ArchiveEntry(name, is_folder=True)
    if info.islnk():
        return ArchiveEntry(name, link=info.linkname.removeprefix("./"))
    if info.issym():
        return ArchiveEntry(name, link=posixpath.join(posixpath.dirname(name), info.linkname))
    if not info.isreg() or info.issparse():
        return ArchiveEntry(name, reason="not a regular file in the archive")
    return ArchiveEntry(name, ArchiveMember("tar", info.offset_data, info.size, info.size))


def _with_decoded_names(entries: list[ArchiveEntry]) -> tuple[list[ArchiveEntry], list[LayoutNote]]:
    """Names that are not UTF-8 in the encoding in which all make sense."""
    texts = [entry.name for entry in entries]
    texts += [entry.link for entry in entries if entry.link is not None]
    note = None
    if not all(map(_is_text, texts)):
        texts, note = decode_names([text.encode("utf-8", "surrogateescape") for text in texts])
    texts, slash_note = with_slashes(texts)
    links = iter(texts[len(entries) :])
    for entry, name in zip(entries, texts, strict=False):
        entry.name = name
        entry.link = None if entry.link is None else next(links)
    return entries, [one for one in (note, slash_note) if one is not None]


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\udc80" <= one <= "\udcff" for one in name)
