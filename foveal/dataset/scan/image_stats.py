"""What one image shows without a network: hashes, size, a thumbnail and how it is drawn.

Knows nothing of labels, splits or other images.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from PIL import Image

from foveal.images.decode import (
    IMAGE_FORMATS,
    MAX_PIXELS,
    decode_opened,
    open_image,
    upright_size,
)
from foveal.images.fast_png import read_simple_png

THUMBNAIL_SIDE = 32
"""Height and width of the grey thumbnail that near duplicates are compared by."""
(
    IS_GREY,
    FORMAT_INDEX,
    FILE_BYTES,
    BRIGHTNESS,
    CONTRAST,
    LEVEL_P1,
    LEVEL_P99,
    SHARPNESS,
    RED,
    GREEN,
    BLUE,
) = range(11)
"""Places in `measures`: grey image (0 or 1); place of its format in FORMATS; size of the file;
mean, deviation, 1st and 99th percentile of the grey levels; sharpness (see `sharpness`); mean of
each colour (0 where there is no thumbnail)."""
N_MEASURES = 11
MIN_DECODED_SIDE = 256
"""A large JPEG is looked at on a side of at least this many pixels."""


@dataclass(frozen=True, slots=True)
class ImageStats:
    """content, pixel: 64-bit hashes of the file's bytes and of its decoded pixels.

    width, height: pixels, upright, as stored.
    thumbnail: uint8 (SIDE, SIDE), squashed grey; None under SIDE pixels a side and for drawings.
    measures: in the order of the constants GREY to BLUE above; BRIGHTNESS to SHARPNESS are 0
    unless full.
    """

    content_hash: int
    pixel_hash: int
    width: int
    height: int
    thumbnail: np.ndarray | None
    measures: tuple[float, ...]


def content_hash(content: bytes | memoryview) -> int:
    """64 bits of the bytes of an image file: BLAKE2b with an 8-byte digest, little-endian."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def pixel_hash(width: int, height: int, content: bytes) -> int:
    """64 bits of size and pixels; an all-grey colour image counts as its grey one."""
    digest = blake2b(f"{width}x{height}".encode(), digest_size=8)
    digest.update(content)
    return int.from_bytes(digest.digest(), "little")


def is_grey(image: Image.Image) -> bool:
    """Whether red, green and blue are equal everywhere."""
    if image.mode == "L":
        return True
    return _all_grey(np.asarray(image))


def _all_grey(values: np.ndarray) -> bool:
    """Of (H, W, 3); the first row decides for most coloured images."""
    for part in (values[:1], values):
        first = part[..., 0]
        if not ((first == part[..., 1]).all() and (first == part[..., 2]).all()):
            return False
    return True


def compute_image_stats(content: bytes, *, full: bool = False) -> ImageStats:
    """Look at one image; ImageError where it cannot be read.

    full: also measure how it is lit and how sharp it is; else those measures are 0.
    """
    image, (width, height), kind = _opened(content)
    plain = image.mode == "L"
    raw = image.tobytes()
    grey = plain or _all_grey(np.frombuffer(raw, np.uint8).reshape(image.height, image.width, 3))
    if grey and not plain:
        raw = image.getchannel(0).tobytes()
    small = min(width, height) < THUMBNAIL_SIDE
    lit = (0.0,) * 5
    if full or not small:
        levels = np.frombuffer(raw if grey else image.convert("L").tobytes(), np.uint8)
        counts = np.bincount(levels, minlength=256)
        small = small or is_drawing(counts)
        if full:
            lit = (*_levels(counts), sharpness(levels.reshape(image.height, image.width)))
    drawn = None if small else grey_thumbnail(image)
    thumb = None if drawn is None else np.asarray(drawn.convert("L"))
    return ImageStats(
        content_hash(content), pixel_hash(image.width, image.height, raw), width, height, thumb,
        (float(grey), float(IMAGE_FORMATS.index(kind)), float(len(content)), *lit, *_tint(drawn)),
    )  # fmt: skip


def _opened(content: bytes) -> tuple[Image.Image, tuple[int, int], str]:
    """The image in mode L or RGB, its size as stored but upright, and its format."""
    image = read_simple_png(content, MAX_PIXELS)
    if image is not None:
        return image, image.size, "PNG"
    opened = open_image(content)
    size = upright_size(opened)
    # A grey file is decoded to grey at once: for small images that halves the work.
    plain = opened.mode == "L" and "transparency" not in opened.info
    image = decode_opened(
        opened, channels=1 if plain else 3, min_size=(MIN_DECODED_SIDE, MIN_DECODED_SIDE)
    )
    return image, size, file_format(opened)


def file_format(image: Image.Image) -> str:
    """The name in FORMATS of what `header` opened (a multi-image JPEG is a JPEG)."""
    name = image.format or ""
    return {"MPO": "JPEG", "DIB": "BMP"}.get(name, name)


_LEVELS = np.arange(256)
_POWERS = np.stack([_LEVELS, _LEVELS**2])


def _levels(counts: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, deviation, 1st and 99th percentile of a histogram of 256 levels."""
    below = counts.cumsum()
    total = int(below[-1])
    mean, square = (_POWERS @ counts / total).tolist()
    low, high = below.searchsorted((0.01 * total, 0.99 * total)).tolist()
    return mean, max(0.0, square - mean**2) ** 0.5, float(low), float(high)


def _tint(drawn: Image.Image | None) -> tuple[float, float, float]:
    if drawn is None:
        return 0.0, 0.0, 0.0
    red, green, blue = np.asarray(drawn.convert("RGB")).reshape(-1, 3).mean(0).tolist()
    return red, green, blue


def sharpness(lit: np.ndarray) -> float:
    """Detail in the finest scale: deviation of the Laplacian over deviation of the image.

    Small images (under 64 pixels a side) give infinity: nothing is fine enough to be blurred.
    """
    if min(lit.shape) < 64:
        return float("inf")
    levels = lit.astype(np.int16)
    centre = levels[1:-1, 1:-1]
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    spread = float(levels.std())
    return float((4 * centre - around).std()) / spread if spread > 1 else float("inf")


def grey_thumbnail(image: Image.Image) -> Image.Image:
    """The image squashed to SIDE by SIDE, averaged by a triangle filter."""
    return image.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)


def is_drawing(counts: np.ndarray) -> bool:
    """Ink on paper, by the histogram: nine tenths of the pixels near paper or ink.

    Near is within 12 levels. Paper is the commonest level and covers half; ink is the far end of
    the levels in use.
    """
    total = int(counts.sum())
    paper = int(counts.argmax())
    used = np.flatnonzero(np.cumsum(counts) > total // 1000)
    low, high = int(used[0]), int(np.flatnonzero(counts).max())
    ink = low if paper - low > high - paper else high
    near_paper = int(counts[max(0, paper - 12) : paper + 13].sum())
    near_ink = int(counts[max(0, ink - 12) : ink + 13].sum())
    apart = abs(ink - paper) > 64
    return apart and near_paper >= total / 2 and near_paper + near_ink >= 0.9 * total
