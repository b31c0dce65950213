"""One file inside a .zip or .tar, read in place by its offset.

Knows nothing of labels; never writes anything.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foveal.errors import ImageError
from foveal.images.decode import MAX_FILE_BYTES, byte_limit_reason

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """Where a member lies: for `zip` at its local header, for `tar` at its first byte.

    stored, size: bytes in the archive and unpacked.  checksum: CRC-32 of a zip member.
    """

    kind: Literal["zip", "tar"]
    offset: int
    compressed_size: int
    size: int
    deflated: bool = False
    checksum: int = 0

    def stamp(self) -> str:
        """Text that changes when the member does (together with the archive's own stamp)."""
        return f"{self.offset}:{self.size}:{self.checksum}"

    def read(self, archive: Path) -> bytes:
        """The unpacked bytes; ImageError where they are too many, damaged or not there."""
        if (
            max(self.size, self.compressed_size) > MAX_FILE_BYTES
        ):  # as many bytes would be asked of memory
            raise ImageError(byte_limit_reason(max(self.size, self.compressed_size)))
        try:
            with archive.open("rb", buffering=0) as file:
                file.seek(self.offset)
                if self.kind == "tar":
                    return _exactly(file.read(self.size), self.size)
                start = file.read(_LOCAL_HEADER.size)
                if len(start) < _LOCAL_HEADER.size or start[:4] != b"PK\x03\x04":
                    raise ImageError("damaged: no member at its place in the archive")
                *_, name, extra = _LOCAL_HEADER.unpack(start)
                file.seek(name + extra, 1)
                return self._unpacked(
                    _exactly(file.read(self.compressed_size), self.compressed_size)
                )
        except OverflowError as error:
            raise ImageError("damaged: no member at its place in the archive") from error
        except OSError as error:
            raise ImageError(f"cannot be opened: {error.strerror or error}") from error

    def _unpacked(self, content: bytes) -> bytes:
        if self.deflated:
            # One byte more than declared: a member that unpacks to more is a bomb, not an image.
            try:
                content = zlib.decompressobj(-15).decompress(content, self.size + 1)
            except zlib.error as error:
                raise ImageError("damaged: cannot be unpacked from the archive") from error
        if len(content) != self.size or zlib.crc32(content) != self.checksum:
            raise ImageError("damaged: not what the archive's table says")
        return content


def _exactly(content: bytes, size: int) -> bytes:
    if len(content) != size:
        raise ImageError("truncated: the archive ends before the image does")
    return content
