"""One file inside a .zip or .tar, read in place by its offset."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Literal

from foveal.errors import ImageError
from foveal.images.limits import MAX_FILE_BYTES, byte_limit_reason

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """Where a member lies.

    offset: byte of the local header of a zip member, of the first byte of a tar member.
    compressed_size, size: bytes in the archive and after decompression.
    checksum: CRC-32 of a zip member.
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
        """The decompressed bytes; ImageError where they are too many, damaged or missing."""
        size = max(self.size, self.compressed_size)
        if size > MAX_FILE_BYTES:  # before as much memory is allocated
            raise ImageError(byte_limit_reason(size))
        try:
            with archive.open("rb", buffering=0) as file:
                file.seek(self.offset)
                if self.kind == "tar":
                    return _read_exactly(file, self.size)
                return self._decompress(self._read_zip_member(file))
        except OverflowError as error:
            raise ImageError("damaged: no member at its place in the archive") from error
        except OSError as error:
            raise ImageError(f"cannot be opened: {error.strerror or error}") from error

    def _read_zip_member(self, file: FileIO) -> bytes:
        header = file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise ImageError("damaged: no member at its place in the archive")
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        file.seek(name_length + extra_length, 1)
        return _read_exactly(file, self.compressed_size)

    def _decompress(self, content: bytes) -> bytes:
        if self.deflated:
            # At most one byte more than declared: a decompression bomb does not fill the memory.
            try:
                content = zlib.decompressobj(-15).decompress(content, self.size + 1)
            except zlib.error as error:
                raise ImageError("damaged: cannot be decompressed from the archive") from error
        if len(content) != self.size or zlib.crc32(content) != self.checksum:
            raise ImageError("damaged: size or checksum differ from the archive's table")
        return content


def _read_exactly(file: FileIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ImageError("truncated: the archive ends before the image does")
    return content
