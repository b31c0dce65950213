"""Reads parts of files at addresses: in any order as a file, and ahead of images that follow."""

from __future__ import annotations

import io
import threading

from foveal.errors import ImageError
from foveal.remote import list_remote_files, read_range

BUFFER_BYTES = 2**20
"""Of one request of a file that is read as such."""
MAX_AHEAD_BYTES = 2 * 2**20
"""Read ahead at most; each image that follows the one before doubles what is read."""
MAX_GAP_BYTES = 64 * 2**10
"""Between two images that follow each other: headers and labels."""


class _RemoteRaw(io.RawIOBase):
    """The bytes of one address; each read is a request with retries."""

    def __init__(self, address: str, size: int) -> None:
        super().__init__()
        self.address, self.size, self.position = address, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, start + offset)
        return self.position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        count = min(len(view), self.size - self.position)
        content = read_range(self.address, self.position, count)
        view[: len(content)] = content
        self.position += len(content)
        return len(content)


def open_remote(address: str, size: int | None = None) -> io.BufferedReader:
    """A file at an address, opened to read; size: its bytes, where they are known.

    Reading raises ImageError where the store does not answer after some attempts; without a size
    DataError, as `list_remote_files` does.
    """
    if size is None:
        size = next(file.size for file in list_remote_files(address))
    return io.BufferedReader(_RemoteRaw(address, size), BUFFER_BYTES)


class _Ahead(threading.local):
    """What this thread read last."""

    address = ""
    start = 0
    content = b""
    window = 0


_ahead = _Ahead()


def read_image_range(address: str, offset: int, size: int) -> bytes:
    """The bytes of one image of a shard; images that follow each other share requests.

    Raises ImageError, also where the file ends before the image does.
    """
    end = _ahead.start + len(_ahead.content)
    if address != _ahead.address or not _ahead.start <= offset or offset + size > end:
        follows = address == _ahead.address and _ahead.start <= offset <= end + MAX_GAP_BYTES
        _ahead.window = min(2 * max(_ahead.window, size), MAX_AHEAD_BYTES) if follows else size
        content = read_range(address, offset, max(size, _ahead.window))
        _ahead.address, _ahead.start, _ahead.content = address, offset, content
    content = _ahead.content[offset - _ahead.start :][:size]
    if len(content) < size:
        raise ImageError("truncated: the shard ends before the image does")
    return content
