"""Copies of shards in the cache, made whole ahead of their images.

A shard is copied once a machine and renamed when it is whole. Where the copy was evicted, or is not
there yet, an image is read from the shard itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from foveal import cache
from foveal.errors import Error, ImageError
from foveal.filelock import wait_for_lock
from foveal.remote import read_range

PART_BYTES = 8 * 2**20
"""Of one request."""
_SHARD_FILE = "shard"


class CopiedShard(Protocol):
    """What is copied: a shard of a store, or a row group."""

    @property
    def address(self) -> str:
        """By which the copy is found."""

    @property
    def size(self) -> int:
        """Bytes, about."""

    @property
    def stamp(self) -> str:
        """Text that changes when the shard does."""

    def write(self, path: Path, ended: threading.Event) -> bool:
        """Write the copy; whether it is whole, False where the work was ended.

        Raises ImageError where the shard cannot be read.
        """
        ...


@dataclass(frozen=True)
class RemoteShard:
    """A .tar of a store; stamp: as in `ShardFile`.  sha256: empty where it is unknown."""

    address: str
    size: int
    stamp: str
    sha256: str = ""

    def write(self, path: Path, ended: threading.Event) -> bool:
        """Fetch the file in parts with retries of each, and verify it."""
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for start in range(0, self.size, PART_BYTES):
                if ended.is_set():
                    return False
                content = read_range(self.address, start, min(PART_BYTES, self.size - start))
                digest.update(content)
                file.write(content)
        if path.stat().st_size != self.size:
            raise ImageError(f"the store has {path.stat().st_size:,} of {self.size:,} bytes")
        if self.sha256 and digest.hexdigest() != self.sha256:
            path.unlink()
            raise ImageError("its SHA-256 is not the one that the index of the shards notes")
        return True


def copy_path(address: str) -> Path:
    """Where the copy of a shard lies, when it was made."""
    return cache.entry_folder("shards", cache.key_of(address)) / _SHARD_FILE


def forget_other_copy(address: str, stamp: str) -> None:
    """Remove a copy of what was at this address before, with another stamp."""
    folder = copy_path(address).parent
    if folder.is_dir() and _stamp_of(folder) != stamp:
        cache.remove(folder)


def fetch(shard: CopiedShard, ended: threading.Event | None = None) -> bool:
    """Copy a shard into the cache unless it is there; whether it is now.

    ended: ends the work between two requests.  Raises ImageError where the shard cannot be read;
    where the cache cannot be written, the images are read without it.
    """
    folder = copy_path(shard.address).parent
    if folder.is_dir() and _stamp_of(folder) == shard.stamp:
        cache.touch(folder)
        return True
    part = cache.unfinished(folder)
    if shard.size > cache.size_limit_bytes():
        return False
    try:
        cache.evict(shard.size, frozenset({folder.name, part.name}))
        with wait_for_lock(part):
            if folder.is_dir() and _stamp_of(folder) == shard.stamp:
                part.rmdir()  # another process made it meanwhile
                return True
            cache.remove_all_but_files(part)
            if not shard.write(part / _SHARD_FILE, ended or threading.Event()):
                return False
            cache.write_about(part, f"copy of {shard.address}", stamp=shard.stamp)
            cache.finish(folder)
            return True
    except (OSError, Error) as error:
        if isinstance(error, ImageError):
            raise
        return False


def _stamp_of(folder: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        stamp = cache.read_about(folder).get("stamp")
        return stamp if isinstance(stamp, str) else None
    return None
