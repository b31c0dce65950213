"""What of an image file decides preprocessing: more than 8 bits a pixel, and transparency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import open_image
from foveal.images.deep_colour import colour_values, file_content, has_deep_colour
from foveal.images.levels import LevelStats, is_deep, measure_colour_levels, measure_levels
from foveal.images.limits import MAX_DECODED_BYTES, decoded_bytes
from foveal.images.memory import decoding_budget
from foveal.images.transparency import alpha_channel, may_be_transparent

BACKGROUNDS = ((0, 0, 0), (255, 255, 255), (128, 128, 128))
"""Candidates for what lies under transparent pixels: black, white, grey."""
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_ALPHA = (4, 6)
_MAX_COMPARED_SIDE = 256


@dataclass(frozen=True)
class PixelMeasure:
    """levels: of an image of more than 8 bits.

    contrasts: of an image with transparent and visible pixels, the mean difference of the visible
    ones from each of BACKGROUNDS, 0..255, weighted by opacity.
    """

    levels: LevelStats | None = None
    contrasts: tuple[float, ...] | None = None


def is_special(content: bytes) -> bool:
    """Whether the file's header tells more than 8 bits, or that pixels may be transparent."""
    if content.startswith(_JPEG):
        return False
    if content.startswith(_PNG):
        depth, colour = content[24:25], content[25:26]
        if depth == b"\x08" and colour and colour[0] not in _PNG_ALPHA:
            return b"tRNS" in content[: content.find(b"IDAT")]
    image = open_image(content)
    return is_deep(image) or may_be_transparent(image) or has_deep_colour(image)


def measure_pixels(content: bytes) -> PixelMeasure:
    """Decode the file and measure what is not 8-bit and opaque in it; ImageError as decoding."""
    image = open_image(content)
    if decoded_bytes(image) > MAX_DECODED_BYTES // 4:
        return PixelMeasure()  # so large an image is not decoded for a sample
    with decoding_budget.reservation() as reserve:
        reserve(decoded_bytes(image))
        try:
            return _measure(image, content)
        except Exception as error:
            raise ImageError("damaged: its content cannot be decoded") from error


def _measure(image: Image.Image, content: bytes) -> PixelMeasure:
    deep_content = file_content(image) if has_deep_colour(image) else None
    image.load()
    colours = None if deep_content is None else colour_values(image, deep_content)
    if is_deep(image):
        return PixelMeasure(measure_levels(image, _significant_bits(content)))
    levels = None if colours is None else measure_colour_levels(colours)
    return PixelMeasure(levels, _contrasts(image))


def _significant_bits(content: bytes) -> int | None:
    """What a PNG's sBIT chunk says of the first channel."""
    start = content.find(b"sBIT", 33, max(33, content.find(b"IDAT")))
    if not content.startswith(_PNG) or start < 0:
        return None
    bits = content[start + 4]
    return bits if 0 < bits <= 16 else None


def _contrasts(image: Image.Image) -> tuple[float, ...] | None:
    alpha = alpha_channel(image)
    if alpha is None:
        return None
    step = max(1, max(image.size) // _MAX_COMPARED_SIDE)
    opacity = np.asarray(alpha)[::step, ::step].astype(np.float64) / 255
    if opacity.sum() == 0:
        return None
    colours = np.asarray(image.convert("RGBA"))[::step, ::step, :3].astype(np.float64)
    return tuple(
        float((np.abs(colours - under).mean(2) * opacity).sum() / opacity.sum())
        for under in BACKGROUNDS
    )
