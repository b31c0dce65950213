"""Colour of 16 bits a channel, of which Pillow keeps the upper 8: reads the lower 8 as well.

Pillow has no mode for it. Its decoders take the byte that the raw mode calls the upper one, so a
second pass with the other order of bytes gives the lower one. Grey with opacity, for which there is
no other order, is read as a PNG file of 8 bits and twice the channels.
"""

from __future__ import annotations

import sys
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageFile

from foveal.errors import ImageError
from foveal.images.levels import (
    FULL_RANGE,
    ValueRange,
    highest_value,
    table_of_16_bits,
    unclear_range_reason,
)
from foveal.images.tiff import BITS_PER_SAMPLE, PLANAR_CONFIGURATION, SEPARATE_PLANES, tiff_tags

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER = {"L": "B", "B": "L", "N": "B" if _NATIVE == "L" else "L"}
_FORMATS = ("PNG", "TIFF")
_BLOCK_ROWS = 256
_COLOURS = {"RGB": 3, "RGBA": 3, "CMYK": 4}
"""Modes of such images, and the channels that are no opacity."""
_GREY_WITH_OPACITY, _PREMULTIPLIED = "LA;16", "RGBa;16"
PREMULTIPLIED_REASON = (
    "16-bit colour that is multiplied by its opacity, to which preprocess.range cannot be applied; "
    "save it with 8 bits or without opacity"
)
PLANAR_REASON = (
    "a TIFF of 16-bit colour in separate planes (PlanarConfiguration 2), which cannot be read with "
    "all its bits; save it with the channels of each pixel together, or with 8 bits"
)


def has_deep_colour(image: Image.Image) -> bool:
    """Whether an image that is opened and not decoded has 16 bits a colour channel.

    Grey with opacity counts, as Pillow opens it as colour.
    """
    if image.mode not in _COLOURS or image.format not in _FORMATS:
        return False
    tiles: list[ImageFile._Tile] = getattr(image, "tile", [])
    deep_planes = _is_planar(image) and 16 in tiff_tags(image).get(BITS_PER_SAMPLE, ())
    return deep_planes or any(";16" in _raw_mode(tile) for tile in tiles)


def load_deep_colour(
    image: Image.Image, value_range: ValueRange | None, *, needs_range: bool = False
) -> Image.Image:
    """Decode an image with `has_deep_colour` to 8 bits by the range; opacity stays.

    value_range None: that of 16 bits; ImageError where it `needs_range` and would be nearly black.
    """
    content = file_content(image)
    if _is_planar(image) and _decoder(image) == "raw":
        raise ImageError(PLANAR_REASON)  # Pillow takes every second byte for a pixel
    image.load()
    if value_range not in (None, FULL_RANGE) and content is not None:
        assert value_range is not None
        return _map(image, read_lower_bytes(content), table_of_16_bits(value_range))
    if value_range is None and needs_range and content is not None:
        _refuse_unclear_range(image, content)
    return image


def file_content(image: Image.Image) -> bytes | None:
    """The bytes of the file of an image that is not decoded yet; None where it has none."""
    file = getattr(image, "fp", None)
    if file is None:
        return None
    place = file.tell()
    file.seek(0)
    content: bytes = file.read()
    file.seek(place)
    return content


def read_lower_bytes(content: bytes) -> np.ndarray:
    """uint8 (H, W, C) of the file of an image with `has_deep_colour`, C as in its mode."""
    with Image.open(BytesIO(content), formats=_FORMATS) as image:
        assert isinstance(image, ImageFile.ImageFile)
        if _is_planar(image):
            raise ImageError(PLANAR_REASON)
        raw_mode = _raw_mode(image.tile[0])
        if raw_mode.startswith(_PREMULTIPLIED):
            raise ImageError(PREMULTIPLIED_REASON)
        if raw_mode.startswith(_GREY_WITH_OPACITY):
            return _lower_grey_with_opacity(content)
        image.tile = [_other_order(tile) for tile in image.tile]
        image.load()
        return np.asarray(image)


def _lower_grey_with_opacity(content: bytes) -> np.ndarray:
    """Of a PNG file with 16-bit grey and opacity, whose rows are those of an 8-bit RGBA file."""
    head = content[12:24] + b"\x08\x06" + content[26:29]
    changed = content[:12] + head + zlib.crc32(head).to_bytes(4) + content[33:]
    with Image.open(BytesIO(changed), formats=_FORMATS) as image:
        return np.asarray(image)[..., [1, 1, 1, 3]]


def _map(image: Image.Image, lower: np.ndarray, table: np.ndarray) -> Image.Image:
    """The decoded image with its colours by `table`, uint8 (65536,)."""
    levels, colours = np.array(image), _COLOURS[image.mode]
    for top in range(0, len(levels), _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS)
        values = join_bytes(levels[rows, :, :colours], lower[rows, :, :colours])
        levels[rows, :, :colours] = table[values]
    mapped = Image.fromarray(levels, image.mode)
    mapped.info = image.info
    return mapped


def _refuse_unclear_range(image: Image.Image, content: bytes) -> None:
    upper = highest_value(_colours(image, np.asarray(image)))
    if unclear_range_reason(256 * upper + 1) is not None:
        reason = unclear_range_reason(highest_value(colour_values(image, content)))
        if reason is not None:
            raise ImageError(reason)


def colour_values(image: Image.Image, content: bytes) -> np.ndarray:
    """uint16 (H, W, 3 or 4) of a decoded image with `has_deep_colour` and its file, no opacity."""
    lower = read_lower_bytes(content)
    return join_bytes(_colours(image, np.asarray(image)), _colours(image, lower))


def _colours(image: Image.Image, values: np.ndarray) -> np.ndarray:
    return values[..., : _COLOURS[image.mode]]


def join_bytes(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """uint16 of the same shape."""
    return np.asarray((upper.astype(np.uint16) << 8) | lower, np.uint16)


def _is_planar(image: Image.Image) -> bool:
    return bool(tiff_tags(image).get(PLANAR_CONFIGURATION) == SEPARATE_PLANES)


def _decoder(image: Image.Image) -> str:
    return str(getattr(image, "tile", [("",)])[0][0])


def _raw_mode(tile: ImageFile._Tile) -> str:
    arguments = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
    return arguments if isinstance(arguments, str) else ""


def _other_order(tile: ImageFile._Tile) -> ImageFile._Tile:
    raw_mode = _raw_mode(tile)
    other = raw_mode[:-1] + _OTHER[raw_mode[-1]]
    arguments = (other, *tile.args[1:]) if isinstance(tile.args, tuple) else other
    return tile._replace(args=arguments)
