"""A member of an archive as it is listed, before links are resolved and names are judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.errors import DataError

MAX_MEMBERS = 20_000_000


@dataclass(slots=True)
class ArchiveEntry:
    """A file or folder; link: its target, relative to the archive.  reason: why it is unusable."""

    name: str
    member: ArchiveMember | None = None
    link: str | None = None
    reason: str | None = None
    is_folder: bool = False


def too_many_members(path: Path) -> DataError:
    """The error for an archive of more than MAX_MEMBERS."""
    return DataError(
        f"{path} holds more than {MAX_MEMBERS:,} files; split it into several archives"
    )
