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
MAX_REPEATED = 1_000_000
"""Files that links to folders may add: folders in folders, each linked, multiply what is there."""
_AFTER = chr(ord("/") + 1)
"""What sorts next after the slash of a folder's files."""


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
    repeated = 0
    for name, target in folders.items():
        listings[target] += 1
        start = bisect_left(ordered, f"{target}/")
        inside = range(start, bisect_left(ordered, f"{target}{_AFTER}"))
        if target == "." or name.startswith(f"{target}/"):
            reason = "a symbolic link to a folder above it"
        elif not inside:
            reason = "a link to what is not in the archive"
        elif listings[target] > MAX_LINKED_LISTINGS:
            reason = f"more than {MAX_LINKED_LISTINGS} symbolic links to one folder"
        elif repeated + len(inside) > MAX_REPEATED:
            reason = f"links that repeat more than {MAX_REPEATED:,} files"
        else:
            repeated += len(inside)
            for index in inside:
                path = ordered[index]
                members[name + path.removeprefix(target)] = members[path]
            continue
        unusable.append(UnusableFile(name, reason))
    return unusable
