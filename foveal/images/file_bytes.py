"""Reads the bytes of an image file, within the limit of its size and without ever waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from foveal.errors import ImageError
from foveal.images.limits import MAX_FILE_BYTES, byte_limit_reason

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_bytes(path: Path | str) -> bytes:
    """The bytes of a regular file; ImageError for other files, too large and unreadable ones.

    A FIFO or device is never opened, so the call cannot hang.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - called per image: a Path costs more than the call
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise ImageError(byte_limit_reason(status.st_size))
        handle = os.open(path, _OPEN_FLAGS)
        try:
            return _read_all(handle, status.st_size)
        finally:
            os.close(handle)
    except OSError as error:
        raise ImageError(f"cannot be opened: {error.strerror or error}") from error
    except ValueError as error:  # no name that a file can have
        raise ImageError("cannot be opened: No such file or directory") from error


def _read_all(handle: int, size: int) -> bytes:
    """The whole file of `size` bytes; if it has grown meanwhile, up to the limit."""
    content = os.read(handle, size + 1)
    if len(content) == size:
        return content
    parts = [content]
    while content and sum(map(len, parts)) <= MAX_FILE_BYTES:
        content = os.read(handle, 2**20)
        parts.append(content)
    return b"".join(parts)
