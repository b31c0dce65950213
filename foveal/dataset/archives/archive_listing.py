"""Lists the files of a .zip or .tar: names as their makers meant them, links resolved inside."""

from __future__ import annotations

import posixpath
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from foveal.dataset.archives.archive_entry import ArchiveEntry
from foveal.dataset.archives.archive_links import resolve_links
from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.archives.tar_entries import tar_entries
from foveal.dataset.archives.zip_entries import zip_entries
from foveal.dataset.listing import is_ignored
from foveal.dataset.types import LayoutNote, UnusableFile
from foveal.errors import DataError
from foveal.files import is_system_error
from foveal.text import natural_key

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


def list_archive(
    path: Path, on_ignored: Callable[[str], None] = lambda _name: None
) -> ArchiveListing:
    """The files of a .zip or .tar by name in natural order, without hidden ones, and the unusable.

    on_ignored: called with the name of each hidden file.
    Raises DataError where it is not an archive, damaged, or has too many members.
    """
    if path.exists() and not path.is_file():  # opening a pipe or device would wait for ever
        raise DataError(f"cannot read {path}: not a regular file; give another archive")
    read_entries = zip_entries if path.suffix.lower() == ".zip" else tar_entries
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
    entries: Sequence[ArchiveEntry], on_ignored: Callable[[str], None]
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


def _sorted_members(members: Members, ranks: Mapping[str, int]) -> Members:
    """In natural order; ranks: of all parts of the names."""
    order = sorted(members, key=lambda name: [ranks[part] for part in name.split("/")])
    return {name: members[name] for name in order}


def _damaged(path: Path, error: Exception) -> DataError:
    if is_system_error(error):
        return DataError(f"cannot read {path}: {error.strerror}; check its place and permissions")
    kind = path.suffix.lower()
    return DataError(
        f"cannot read {path} as a {kind} archive: {error}; "
        "create the archive again or give the folder"
    )


def unsafe_name(name: str) -> str | None:
    """Why a member's name cannot be used; None where it can."""
    parts = name.replace("\\", "/").split("/")
    is_drive = name[1:2] == ":" and name[0].isalpha()
    if name.startswith(("/", "\\")) or ".." in parts or is_drive:
        return "a name that leads out of the archive"
    return None if "\0" not in name else "a name with a zero byte"


def is_hidden(name: str) -> bool:
    """Whether a member or a folder that it lies in is hidden or of the system."""
    return any(map(_is_hidden_part, name.split("/")))


def _is_hidden_part(part: str) -> bool:
    return part not in (".", "..") and is_ignored(part)
