"""The images that were uploaded to a project: one file for each content, named by it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from foveal.files import write_atomic
from foveal.images.decode import open_image
from foveal.studio.kept import unless_removed

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
    file = folder / path
    if file.exists() and file.stat().st_size == len(content):
        return
    with unless_removed(folder):
        for parent in (file.parent.parent, file.parent):
            parent.mkdir(exist_ok=True)
        write_atomic(file, content, make_folder=False)
