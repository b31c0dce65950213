"""Lists the files of a .zip or .tar: names as their makers meant them, links resolved inside."""

from __future__ import annotations

import posixpath
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from foveal.dataset.archives.archive_links import resolve_links
from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.archives.archive_names import decode_names, with_slashes
from foveal.dataset.archives.zip_directory import ZipRecord, read_directory
from foveal.dataset.listing import is_ignored
from foveal.dataset.types import LayoutNote, UnusableFile
from foveal.errors import DataError, ImageError
from foveal.text import natural_key

MAX_MEMBERS = 20_000_000
MAX_LINK_BYTES = 4096
"""The longest target of a link that a .zip holds as a file."""

_MAY_BE_UNSAFE = re.compile(r"^/|^.:|\\|\.\.|\0", re.MULTILINE | re.DOTALL)
"""In names one a line: what every name has that `unsafe_name` refuses, and some others."""

Members = dict[str, ArchiveMember]


class ArchiveListing(NamedTuple):
    """members: the files by name, in natural order.  notes: how the names were read.

    folders: the names of all folders, also of those without files.
    """

    members: Members
    unusable: list[UnusableFile]
    notes: list[LayoutNote]
    folders: list[str]


@dataclass(slots=True)
class _Entry:
    """A member; link: the target of a link, relative to the archive, or why it is unusable."""

    name: str
    member: ArchiveMember | None = None
    link: str | None = None
    reason: str | None = None
    is_folder: bool = False


def list_archive(
    path: Path, on_ignored: Callable[[str], None] = lambda _name: None
) -> ArchiveListing:
    """The files of a .zip or .tar by name in natural order, without hidden ones, and the unusable.

    on_ignored: called with the name of each hidden file.
    Raises DataError where it is not an archive, damaged, or has too many members.
    """
    if path.exists() and not path.is_file():  # opening a pipe or device would wait for ever
        raise DataError(f"cannot read {path}: not a regular file; give another archive")
    read_entries = _zip_entries if path.suffix.lower() == ".zip" else _tar_entries
    try:
        entries, notes = read_entries(path)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        OSError,
        ValueError,
        EOFError,
        NotImplementedError,
        RecursionError,
    ) as error:
        raise _damaged(path, error) from error
    members, links, unusable = _by_kind([one for one in entries if not one.is_folder], on_ignored)
    if links:
        unusable += resolve_links(members, links)
    parts = {part for name in members for part in name.split("/")}
    visible = members
    if any(map(_is_hidden_part, parts)):
        hidden = {name for name in members if is_hidden(name)}
        for name in sorted(hidden):
            on_ignored(name)
        visible = {name: member for name, member in members.items() if name not in hidden}
    empty = [one.name for one in entries if one.is_folder and not unsafe_name(one.name)]
    ranks = {part: rank for rank, part in enumerate(sorted(parts, key=natural_key))}
    return ArchiveListing(
        _sorted_members(visible, ranks), unusable, notes, _folders(visible, empty)
    )


def _folders(members: Members, empty: Sequence[str]) -> list[str]:
    """All folders, those of the files and those that the archive names, without hidden ones."""
    found = {name.rstrip("/") for name in empty if not is_hidden(name)}
    heads = {name.rpartition("/")[0] for name in members} - {""}
    found |= {posixpath.dirname(f"{head}/") for head in heads}
    for name in list(found):
        while name := posixpath.dirname(name):
            found.add(name)
    return sorted(found - {"", "."})


def _by_kind(
    entries: Sequence[_Entry], on_ignored: Callable[[str], None]
) -> tuple[Members, dict[str, str], list[UnusableFile]]:
    """Files, targets of links, and the unusable; hidden files stay, as links may lead to them."""
    members: Members = {}
    links: dict[str, str] = {}
    unusable: list[UnusableFile] = []
    any_unsafe = _MAY_BE_UNSAFE.search("\n".join(entry.name for entry in entries))
    for entry in entries:
        reason = (unsafe_name(entry.name) if any_unsafe else None) or entry.reason
        reason = reason if entry.name else "a file without a name"
        if reason is not None and is_hidden(entry.name):
            on_ignored(entry.name)
        elif reason is not None:
            unusable.append(UnusableFile(entry.name, reason))
        elif entry.link is not None:
            links[entry.name] = entry.link
        elif entry.member is not None:  # as with tar itself, the last member of one name counts
            members[entry.name] = entry.member
    return members, links, unusable


def _zip_entries(path: Path) -> tuple[list[_Entry], list[LayoutNote]]:
    infos: Sequence[ZipRecord | zipfile.ZipInfo] | None = read_directory(path)
    if infos is None:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise _too_many_members(path)
    names, notes = _zip_names(infos)
    seen: set[str] = set()
    entries = []
    for info, name in zip(infos, names, strict=True):
        if name.endswith("/"):  # also one whose name ended with a backslash
            entries.append(_Entry(name, is_folder=True))
            continue
        entry = _Entry(name, reason=_unsupported(info))
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
        if not info.flag_bits & 0x800
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


def _read_zip_link(path: Path, entry: _Entry, info: ZipRecord | zipfile.ZipInfo) -> None:
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


def _tar_entries(path: Path) -> tuple[list[_Entry], list[LayoutNote]]:
    entries: list[_Entry] = []
    with tarfile.open(path, "r:", encoding="utf-8") as archive:
        for count, info in enumerate(archive):
            if count >= MAX_MEMBERS:
                raise _too_many_members(path)
            if info.size < 0:  # the next header would be one that was read already
                raise ValueError("a file of a negative size")
            entries.append(_tar_entry(info))
    return _with_decoded_names(entries)


def _tar_entry(info: tarfile.TarInfo) -> _Entry:
    name = info.name.removeprefix("./")
    if info.isdir():
        return _Entry(name, is_folder=True)
    if info.islnk():
        return _Entry(name, link=info.linkname.removeprefix("./"))
    if info.issym():
        return _Entry(name, link=posixpath.join(posixpath.dirname(name), info.linkname))
    if not info.isreg() or info.issparse():
        return _Entry(name, reason="not a regular file in the archive")
    return _Entry(name, ArchiveMember("tar", info.offset_data, info.size, info.size))


def _with_decoded_names(entries: list[_Entry]) -> tuple[list[_Entry], list[LayoutNote]]:
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


def _sorted_members(members: Members, ranks: Mapping[str, int]) -> Members:
    """In natural order; ranks: of all parts of the names."""
    order = sorted(members, key=lambda name: [ranks[part] for part in name.split("/")])
    return {name: members[name] for name in order}


def _too_many_members(path: Path) -> DataError:
    return DataError(
        f"{path} holds more than {MAX_MEMBERS:,} files; split it into several archives"
    )


def _damaged(path: Path, error: Exception) -> DataError:
    kind = path.suffix.lower()
    return DataError(
        f"cannot read {path} as a {kind} archive: {error}; "
        "create the archive again or give the folder"
    )


def unsafe_name(name: str) -> str | None:
    """Why a member's name cannot be used; None where it can."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return "a name that leads out of the archive"
    return None if "\0" not in name else "a name with a zero byte"


def _unsupported(info: ZipRecord | zipfile.ZipInfo) -> str | None:
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed by a method other than deflate"
    return None


def is_hidden(name: str) -> bool:
    """Whether a member or a folder that it lies in is hidden or of the system."""
    return any(map(_is_hidden_part, name.split("/")))


def _is_hidden_part(part: str) -> bool:
    return part not in (".", "..") and is_ignored(part)
