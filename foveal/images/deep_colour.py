"""Colour of 16 bits a channel, of which Pillow keeps the upper 8: reads the lower 8 as well.

Pillow has no mode for it. Its decoders take the byte that the raw mode calls the upper one, so a
second pass with the other order of bytes gives the lower one.
"""

from __future__ import annotations

import sys
from io import BytesIO

import numpy as np
from PIL import Image, ImageFile

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER = {"L": "B", "B": "L", "N": "B" if _NATIVE == "L" else "L"}
_BLOCK_ROWS = 256


def has_deep_colour(image: Image.Image) -> bool:
    """Whether an image that is opened and not decoded has 16 bits a colour channel."""
    tiles: list[ImageFile._Tile] = getattr(image, "tile", [])
    return image.mode in ("RGB", "RGBA") and any(";16" in _raw_mode(tile) for tile in tiles)


def read_lower_bytes(image: Image.Image) -> np.ndarray | None:
    """uint8 (H, W, C) of an image with `has_deep_colour`; None where they cannot be had.

    The image has to be open and not decoded yet; it stays so.
    """
    file = getattr(image, "fp", None)
    if file is None:
        return None
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    formats = None if image.format is None else (image.format,)
    with Image.open(BytesIO(content), formats=formats) as second:
        assert isinstance(second, ImageFile.ImageFile)
        second.tile = [_other_order(tile) for tile in second.tile]
        second.load()
        return np.asarray(second)


def map_deep_colour(image: Image.Image, lower: np.ndarray, table: np.ndarray) -> Image.Image:
    """The decoded image with its colours by `table`, uint8 (65536,); opacity stays."""
    levels = np.array(image)
    for top in range(0, len(levels), _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS)
        levels[rows, :, :3] = table[join_bytes(levels[rows, :, :3], lower[rows, :, :3])]
    return Image.fromarray(levels)


def join_bytes(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """uint16 of the same shape."""
    return np.asarray((upper.astype(np.uint16) << 8) | lower, np.uint16)


def _raw_mode(tile: ImageFile._Tile) -> str:
    arguments = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
    return arguments if isinstance(arguments, str) else ""


def _other_order(tile: ImageFile._Tile) -> ImageFile._Tile:
    raw_mode = _raw_mode(tile)
    other = raw_mode[:-1] + _OTHER[raw_mode[-1]]
    arguments = (other, *tile.args[1:]) if isinstance(tile.args, tuple) else other
    return tile._replace(args=arguments)
