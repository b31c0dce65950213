"""What one picture shows without a network: hashes, size, a thumbnail and how it is drawn.

Knows nothing of labels, splits or other pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from PIL import Image

from foveal.images.decode import FORMATS, decoded, header, orientation

SIDE = 32
"""Height and width of the grey thumbnail that near duplicates are compared by."""
GREY, FORMAT, BYTES, BRIGHTNESS, SPREAD, DARKEST, BRIGHTEST, SHARPNESS, RED, GREEN, BLUE = range(11)
"""Places in `measures`: grey picture (0 or 1); place of its format in FORMATS; size of the file;
mean, deviation, 1st and 99th percentile of the grey levels; sharpness (see `sharpness`); mean of
each colour (0 where there is no thumbnail)."""
MEASURES = 11
ENOUGH = 256
"""A large JPEG is looked at on a side of at least this many pixels."""


@dataclass(frozen=True, slots=True)
class Look:
    """content, pixel: 64-bit hashes of the file's bytes and of its decoded pixels.

    width, height: pixels, upright, as stored.
    thumbnail: uint8 (SIDE, SIDE), squashed grey; None under SIDE pixels a side and for drawings.
    measures: in the order of the constants GREY to SHARPNESS below; sharpness is 0 unless full.
    """

    content: int
    pixel: int
    width: int
    height: int
    thumbnail: np.ndarray | None
    measures: tuple[float, ...]


def content_hash(content: bytes) -> int:
    """64 bits of the bytes of a picture file: BLAKE2b with an 8-byte digest, little-endian."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def pixel_hash(image: Image.Image) -> int:
    """64 bits of size and pixels; an all-grey colour picture counts as its grey one."""
    digest = blake2b(f"{image.width}x{image.height}".encode(), digest_size=8)
    digest.update(image.tobytes())
    return int.from_bytes(digest.digest(), "little")


def is_grey(image: Image.Image) -> bool:
    """Whether red, green and blue are equal everywhere."""
    if image.mode == "L":
        return True
    values = np.asarray(image)
    first = values[..., 0]
    return bool((first == values[..., 1]).all() and (first == values[..., 2]).all())


def look(content: bytes, *, full: bool = False) -> Look:
    """Look at one picture; PictureError where it cannot be read.

    full: also measure sharpness.
    """
    opened = header(content)
    width, height = opened.size if orientation(opened) < 5 else opened.size[::-1]
    image = decoded(opened, channels=3, least=(ENOUGH, ENOUGH))
    grey = is_grey(image)
    lit = image.getchannel(0) if grey else image.convert("L")
    counts = np.asarray(lit.histogram(), np.int64)
    small = min(width, height) < SIDE or is_drawing(counts)
    drawn = None if small else thumbnail(image)
    thumb = None if drawn is None else np.asarray(drawn.convert("L"))
    return Look(
        content_hash(content), pixel_hash(lit if grey else image), width, height,
        thumb,
        (
            float(grey), float(FORMATS.index(file_format(opened))), float(len(content)),
            *_levels(counts), sharpness(lit) if full else 0.0, *_tint(drawn),
        ),
    )  # fmt: skip


def file_format(image: Image.Image) -> str:
    """The name in FORMATS of what `header` opened (a multi-picture JPEG is a JPEG)."""
    name = image.format or ""
    return {"MPO": "JPEG", "DIB": "BMP"}.get(name, name)


_LEVELS = np.arange(256)


def _levels(counts: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, deviation, 1st and 99th percentile of a histogram of 256 levels."""
    total = int(counts.sum())
    mean = float(counts @ _LEVELS) / total
    square = float(counts @ _LEVELS**2) / total
    below = np.cumsum(counts)
    low, high = np.searchsorted(below, (0.01 * total, 0.99 * total))
    return mean, max(0.0, square - mean**2) ** 0.5, float(low), float(high)


def _tint(drawn: Image.Image | None) -> tuple[float, float, float]:
    if drawn is None:
        return 0.0, 0.0, 0.0
    red, green, blue = np.asarray(drawn).reshape(-1, 3).mean(0).tolist()
    return red, green, blue


def sharpness(lit: Image.Image) -> float:
    """Detail in the finest scale: deviation of the Laplacian over deviation of the picture.

    Small pictures (under 64 pixels a side) give infinity: nothing is fine enough to be blurred.
    """
    if min(lit.size) < 64:
        return float("inf")
    levels = np.asarray(lit, np.int16)
    centre = levels[1:-1, 1:-1]
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    spread = float(levels.std())
    return float((4 * centre - around).std()) / spread if spread > 1 else float("inf")


def thumbnail(image: Image.Image) -> Image.Image:
    """The picture squashed to SIDE by SIDE, averaged by a triangle filter."""
    return image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)


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
