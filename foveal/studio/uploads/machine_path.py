"""Files and folders of this machine that a person names by their whole path."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from foveal.errors import ImageError, UsageError
from foveal.images.decode import decode_image
from foveal.images.file_bytes import read_bytes
from foveal.text import printable

_FILE_ADDRESS = re.compile("file://[^/]*(?=/)", re.IGNORECASE)
"""What stands before the path."""


def machine_path(path: str) -> Path:
    """What lies at a whole path, which may begin with ~.

    Raises UsageError where the path is not whole or nothing lies there.
    """
    if "\0" in path:
        raise UsageError("the path holds a zero byte: type the path of a file or folder")
    chosen = Path(os.path.expanduser(path.strip()))  # noqa: PTH111 - leaves what it does not know
    if not chosen.is_absolute():
        raise UsageError(
            f"'{printable(path)}' is not a whole path: type it from its root, such as "
            "/home/me/images"
        )
    if not os.path.exists(chosen):  # noqa: PTH110 - no error for a name that is too long
        raise UsageError(
            f"there is no {printable(path)} on the machine that runs the studio; type the whole "
            "path of what lies there"
        )
    return chosen


def read_machine_image(path: str) -> bytes:
    """The bytes of the image at a whole path or a file:// address.

    Nothing but an image that can be decoded is given away, and nothing is told of other files.
    Raises UsageError as `machine_path`, and where it is no image.
    """
    path = path.strip()
    address = _FILE_ADDRESS.match(path)
    if address:
        path = unquote(path[address.end() :], errors="surrogateescape")
    file = machine_path(path)
    try:
        content = read_bytes(file)
        decode_image(content, channels=3, min_size=(1, 1))
    except ImageError:  # its reason tells how other files begin
        raise UsageError(
            "what lies there is no image that can be read: name a JPEG, PNG, WebP, BMP, GIF, "
            "TIFF, AVIF or (with the extra 'heic') HEIC file"
        ) from None
    return content
