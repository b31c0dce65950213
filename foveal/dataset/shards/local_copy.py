"""Copies of remote shards in the cache, fetched whole ahead of their images.

A shard is fetched once a machine, in parts with retries of each, verified and renamed. Where it was
evicted, or is not there yet, an image is read from the store alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from foveal import cache
from foveal.errors import Error, ImageError
from foveal.filelock import wait_for_lock
from foveal.remote import read_range

PART_BYTES = 8 * 2**20
"""Of one request."""
_SHARD_FILE = "shard"


@dataclass(frozen=True)
class RemoteShard:
    """A shard to fetch; stamp: as in `ShardFile`.  sha256: empty where it is unknown."""

    address: str
    size: int
    stamp: str
    sha256: str = ""


def copy_path(address: str) -> Path:
    """Where the copy of a shard lies, when it was fetched."""
    key = blake2b(address.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return cache.cache_folder() / f"shards-{key}" / _SHARD_FILE


def forget_other_copy(shard: RemoteShard) -> None:
    """Remove a copy of what was at this address before."""
    folder = copy_path(shard.address).parent
    if folder.is_dir() and _stamp_of(folder) != shard.stamp:
        cache.remove(folder)


def fetch(shard: RemoteShard, ended: threading.Event | None = None) -> bool:
    """Copy a shard into the cache unless it is there; whether it is now.

    ended: ends the work between two requests.  Raises ImageError where the store does not answer or
    has other bytes; where the cache cannot be written, the images are read from the store.
    """
    folder = copy_path(shard.address).parent
    if folder.is_dir() and _stamp_of(folder) == shard.stamp:
        cache.touch(folder)
        return True
    part = folder.with_name(folder.name + ".part")
    if shard.size > cache.size_limit_bytes():
        return False
    try:
        cache.evict(shard.size, frozenset({folder.name, part.name}))
        with wait_for_lock(part):
            if folder.is_dir() and _stamp_of(folder) == shard.stamp:
                part.rmdir()  # another process fetched it meanwhile
                return True
            if not _download(shard, part / _SHARD_FILE, ended or threading.Event()):
                return False
            cache.write_about(part, f"copy of {shard.address}", stamp=shard.stamp)
            if folder.exists():
                cache.remove(folder)
            part.rename(folder)
            return True
    except (OSError, Error) as error:
        if isinstance(error, ImageError):
            raise
        return False


def _download(shard: RemoteShard, path: Path, ended: threading.Event) -> bool:
    """Whether the file is whole now; False where the work was ended."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, shard.size, PART_BYTES):
            if ended.is_set():
                return False
            content = read_range(shard.address, start, min(PART_BYTES, shard.size - start))
            digest.update(content)
            file.write(content)
    if path.stat().st_size != shard.size:
        raise ImageError(f"the store has {path.stat().st_size:,} of {shard.size:,} bytes")
    if shard.sha256 and digest.hexdigest() != shard.sha256:
        path.unlink()
        raise ImageError("its SHA-256 is not the one that the index of the shards notes")
    return True


def _stamp_of(folder: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        stamp = cache.read_about(folder).get("stamp")
        return stamp if isinstance(stamp, str) else None
    return None
