"""One image inside a .tar shard, read by its place, from the disk or from an address."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.shards.local_copy import copy_path
from foveal.dataset.shards.remote_reader import read_image_range
from foveal.errors import ImageError
from foveal.images.limits import MAX_FILE_BYTES, byte_limit_reason
from foveal.remote import address_of


@dataclass(frozen=True, slots=True)
class ShardImage:
    """Where an image lies: its shard, relative to the root of the data set, and its bytes there.

    file: empty where the shard is the root.  content_hash: of its bytes; None where unknown.
    """

    kind: Literal["shard"]
    file: str
    offset: int
    size: int
    content_hash: int | None = None

    def stamp(self) -> str:
        """Text that changes when the image's place does (together with the shard's own stamp)."""
        return f"{self.offset}:{self.size}:{self.content_hash or 0:x}"

    def read(self, root: Path) -> bytes:
        """The bytes of the image; root: of the data set.

        Raises ImageError where the shard is missing, cannot be read or has other bytes there.
        """
        if self.size > MAX_FILE_BYTES:  # before as much memory is allocated
            raise ImageError(byte_limit_reason(self.size))
        path = root / self.file if self.file else root
        address = address_of(path)
        content = self._read_file(path) if address is None else self._read_address(address)
        if self.content_hash is not None and content_hash(content) != self.content_hash:
            raise ImageError("damaged: not the bytes that the index of the shards notes")
        return content

    def _read_address(self, address: str) -> bytes:
        copy = copy_path(address)
        if copy.is_file():
            with contextlib.suppress(ImageError):  # evicted just now
                return self._read_file(copy)
        return read_image_range(address, self.offset, self.size)

    def _read_file(self, path: Path) -> bytes:
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(self.offset)
                content = file.read(self.size)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise ImageError(f"cannot be opened: {reason or error}") from error
        if len(content) < self.size:
            raise ImageError("truncated: the shard ends before the image does")
        return content
