"""Resolves the links of an archive to files and folders inside it."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.listing import MAX_LINKED_LISTINGS
from foveal.dataset.types import UnusableFile

MAX_LINKS = 40
"""Links that lead to links, before they count as a loop."""


def resolve_links(
    members: dict[str, ArchiveMember], links: Mapping[str, str]
) -> list[UnusableFile]:
    """Add to `members` what links lead to, and return the links that lead to nothing inside.

    links: names -> targets, relative to the archive.  A link to a folder adds each of its files.
    """
    unusable: list[UnusableFile] = []
    folders: dict[str, str] = {}
    resolved: dict[str, ArchiveMember] = {}
    for name in links:
        target, reason = _final_target(name, links)
        if reason is not None:
            unusable.append(UnusableFile(name, reason))
        elif target in members:
            resolved[name] = members[target]
        else:
            folders[name] = target
    members.update(resolved)
    return unusable + _add_folders(members, folders)


def _final_target(name: str, links: Mapping[str, str]) -> tuple[str, str | None]:
    """Where a chain of links ends, or why it cannot be followed."""
    for _ in range(MAX_LINKS):
        target = posixpath.normpath(links[name])
        if target.startswith(("/", "../")) or target == "..":
            return "", "a link that leads out of the archive"
        if target not in links:
            return target, None
        name = target
    return "", "symbolic links that lead to each other"


def _add_folders(
    members: dict[str, ArchiveMember], folders: Mapping[str, str]
) -> list[UnusableFile]:
    ordered = sorted(members)
    listings: Counter[str] = Counter()
    unusable: list[UnusableFile] = []
    for name, target in folders.items():
        listings[target] += 1
        start = bisect_left(ordered, f"{target}/")
        if target == "." or name.startswith(f"{target}/"):
            reason = "a symbolic link to a folder above it"
        elif start == len(ordered) or not ordered[start].startswith(f"{target}/"):
            reason = "a link to what is not in the archive"
        elif listings[target] > MAX_LINKED_LISTINGS:
            reason = f"more than {MAX_LINKED_LISTINGS} symbolic links to one folder"
        else:
            _add_folder(members, ordered, start, name, target)
            continue
        unusable.append(UnusableFile(name, reason))
    return unusable


def _add_folder(
    members: dict[str, ArchiveMember], ordered: list[str], start: int, name: str, target: str
) -> None:
    """Add the files below a folder once more, under the name of the link."""
    for index in range(start, len(ordered)):
        if not ordered[index].startswith(f"{target}/"):
            return
        members[name + ordered[index].removeprefix(target)] = members[ordered[index]]
