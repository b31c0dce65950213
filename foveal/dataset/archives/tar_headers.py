"""Reads the headers of a .tar that may claim anything of their own size."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

MAX_HEADER_BYTES = 2**20
"""Of a member's header with its long name and further fields."""


class _BoundedFile(io.RawIOBase):
    """A file of which nothing is read at once but headers and labels."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= MAX_HEADER_BYTES:
            raise ValueError(f"a header of {count:,} bytes")
        return self._file.read(count)


def open_tar(file: BinaryIO) -> tarfile.TarFile:
    """Reading its headers raises ValueError for a header of more than MAX_HEADER_BYTES."""
    return tarfile.TarFile(fileobj=_BoundedFile(file), encoding="utf-8")


def tar_headers(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Those of all members of what `open_tar` opened.

    Raises TarError or ValueError: damaged, a header that is too long, a negative size, no end; a
    damaged header behind others and an end that is missing are the same to tarfile.
    """
    for info in archive:
        if info.size < 0:  # the next header would be one that was read already
            raise ValueError("a file of a negative size")
        yield info
    file = archive.fileobj
    assert file is not None
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError("no end of the archive behind the last file")
