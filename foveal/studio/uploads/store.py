"""The images that were uploaded to a project: one file for each content, named by it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from foveal.errors import UsageError
from foveal.files import write_atomic
from foveal.images.decode import open_image

FOLDER = "images"
_SUFFIXES = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "BMP": "bmp",
    "GIF": "gif",
    "TIFF": "tif",
    "AVIF": "avif",
    "HEIF": "heic",
}


def stored_path(content: bytes) -> str:
    """Where content is kept, relative to the project: images/AB/HASH.SUFFIX.

    The suffix is that of the content, whatever the file was called.  Raises ImageError where the
    header is not that of an image.
    """
    suffix = _SUFFIXES.get(open_image(content).format or "", "img")
    digest = sha256(content).hexdigest()[:32]
    return f"{FOLDER}/{digest[:2]}/{digest}.{suffix}"


def store(folder: Path, path: str, content: bytes) -> None:
    """Write content below the project's folder, unless it is there.

    Raises UsageError where that folder is gone: it is not made again.
    """
    if not folder.is_dir():
        raise UsageError("this was removed meanwhile; reload the page")
    file = folder / path
    if not file.exists() or file.stat().st_size != len(content):
        write_atomic(file, content)
