"""Reads the file of a project's image: only below the folder that was added, by the one decoder."""

from __future__ import annotations

import os
from pathlib import Path

from foveal.errors import ImageError
from foveal.images.decode import decode_image, open_image, upright_size
from foveal.images.file_bytes import read_bytes
from foveal.studio.thumbnails import encode_view

MAX_VIEW_SIDE = 1024


def read_file(file: Path, root: Path) -> bytes:
    """The bytes of `file`.  Raises ImageError where it cannot be read or leads out of `root`."""
    return read_bytes(real_file(file, root))


def real_file(file: Path, root: Path) -> Path:
    """`file` with its links followed.  Raises ImageError where that is not below `root`.

    A folder's files may have become links since they were added: asked at each read.
    """
    real, inside = os.path.realpath(file), os.path.realpath(root)
    if os.path.commonpath([real, inside]) != inside:
        raise ImageError("a symbolic link that leads out of the folder that was added")
    return Path(real)


def view(content: bytes) -> bytes:
    """The image as a browser shows it, upright, at most MAX_VIEW_SIDE pixels a side."""
    image = decode_image(content, channels=3, min_size=(MAX_VIEW_SIDE, MAX_VIEW_SIDE))
    return encode_view(image, MAX_VIEW_SIDE)


def view_type(content: bytes) -> str:
    """The media type of what `view` returned."""
    return "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"


def size_of(content: bytes) -> tuple[int, int]:
    """(width, height) in pixels of an image, upright.  Raises ImageError as `open_image`."""
    return upright_size(open_image(content))
