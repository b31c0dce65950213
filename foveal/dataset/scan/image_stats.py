"""Statistics of one image without a network: hashes, size, brightness, sharpness, a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from PIL import Image

from foveal.images.decode import (
    IMAGE_FORMATS,
    decode_opened,
    open_image,
    upright_size,
)
from foveal.images.fast_png import read_simple_png
from foveal.images.frames import has_more_frames
from foveal.images.levels import ValueRange
from foveal.images.memory import Reserve, decoding_budget
from foveal.images.transparency import alpha_channel

THUMBNAIL_SIDE = 32
"""Height and width of the grey thumbnail that near duplicates are compared by."""
IS_GREY, FORMAT_INDEX, FILE_BYTES, BRIGHTNESS, CONTRAST = range(5)
LEVEL_P1, LEVEL_P99, SHARPNESS, RED, GREEN, BLUE, HAS_DRAWN_ALPHA, HAS_MORE_FRAMES = range(5, 13)
"""Indices into `measures`: whether the image is grey (0 or 1); index of its format in
IMAGE_FORMATS; size of the file; mean, standard deviation, 1st and 99th percentile of the grey
levels; sharpness (see `sharpness`); mean of each colour (0 where there is no thumbnail);
whether opacity varies (0 or 1); whether the file holds further frames or pages (0 or 1)."""
N_MEASURES = 13
MIN_DECODED_SIDE = 256
"""A large JPEG is decoded at reduced size, at least this many pixels a side."""
MAX_KEPT_SIDE = 64
"""Of images whose pixels are kept: larger ones take longer to decode than to open."""
MIN_SHARPNESS_SIDE = 64
"""Smaller images have no detail fine enough to be blurred."""
MAX_MEASURED_PIXELS = 50_000_000
"""Larger images are averaged to fewer pixels first, as each measure makes copies."""


@dataclass(frozen=True, slots=True)
class ImageStats:
    """content_hash, pixel_hash: 64 bits of the file's bytes and of its decoded pixels.

    width, height: pixels, upright, as stored.
    thumbnail: uint8 (THUMBNAIL_SIDE, THUMBNAIL_SIDE), grey, squashed; None for images smaller than
    that and for drawings.
    measures: at the indices IS_GREY to HAS_MORE_FRAMES; BRIGHTNESS to SHARPNESS and HAS_MORE_FRAMES
    are 0 unless full.
    pixels: uint8 (H, W), or (H, W, 3) where it has colour; None unless asked for and small.
    """

    content_hash: int
    pixel_hash: int
    width: int
    height: int
    thumbnail: np.ndarray | None
    measures: tuple[float, ...]
    pixels: np.ndarray | None = None


def content_hash(content: bytes | memoryview) -> int:
    """64 bits of the bytes of an image file: BLAKE2b with an 8-byte digest, little-endian."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def pixel_hash(width: int, height: int, content: bytes, alpha: bytes = b"") -> int:
    """64 bits of the size, the decoded pixels (of one channel for a grey image) and the opacity."""
    digest = blake2b(f"{width}x{height}".encode(), digest_size=8)
    digest.update(content)
    digest.update(alpha)
    return int.from_bytes(digest.digest(), "little")


def is_grey(image: Image.Image) -> bool:
    """Whether red, green and blue are equal everywhere."""
    if image.mode == "L":
        return True
    return _all_grey(np.asarray(image))


def _all_grey(values: np.ndarray) -> bool:
    """Whether (H, W, 3) is grey; the first row suffices for most coloured images."""
    for part in (values[:1], values):
        first = part[..., 0]
        if not ((first == part[..., 1]).all() and (first == part[..., 2]).all()):
            return False
    return True


def compute_image_stats(
    content: bytes,
    *,
    full: bool = False,
    background: tuple[int, int, int] = (0, 0, 0),
    value_range: ValueRange | None = None,
    keep_pixels: bool = False,
) -> ImageStats:
    """The statistics of one image file; ImageError where it cannot be read.

    full: also measure brightness and sharpness and look for further frames; else those are 0.
    keep_pixels: also the pixels, of an image of at most MAX_KEPT_SIDE a side.
    """
    with decoding_budget.reservation() as reserve:
        decoded = _decode(content, background, value_range, reserve)
        return _measure(content, decoded, full, keep_pixels)


def _measure(content: bytes, decoded: _Decoded, full: bool, keep_pixels: bool) -> ImageStats:
    image, (width, height), alpha = decoded.image, decoded.size, decoded.alpha
    raw, grey = _raw_pixels(image)
    has_thumbnail = min(width, height) >= THUMBNAIL_SIDE
    lighting = (0.0,) * 5
    if full or has_thumbnail:
        levels = np.frombuffer(raw if grey else image.convert("L").tobytes(), np.uint8)
        counts = np.bincount(levels, minlength=256)
        has_thumbnail = has_thumbnail and not is_drawing(counts)
        if full:
            shaped = levels.reshape(image.height, image.width)
            lighting = (*_level_stats(counts), sharpness(shaped))
    small = squash_to_thumbnail(image) if has_thumbnail else None
    file_stats = (float(grey), float(IMAGE_FORMATS.index(decoded.format_name)), float(len(content)))
    return ImageStats(
        content_hash=content_hash(content),
        pixel_hash=pixel_hash(
            image.width, image.height, raw, b"" if alpha is None else alpha.tobytes()
        ),
        width=width,
        height=height,
        thumbnail=None if small is None else np.asarray(small.convert("L")),
        measures=(
            *file_stats,
            *lighting,
            *_mean_colour(small),
            float(_varies(alpha)),
            float(full and decoded.opened is not None and has_more_frames(decoded.opened)),
        ),
        pixels=_shaped(raw, image) if keep_pixels and max(image.size) <= MAX_KEPT_SIDE else None,
    )


def _shaped(raw: bytes, image: Image.Image) -> np.ndarray:
    """The pixels of `_raw_pixels` as (H, W) or (H, W, 3)."""
    grey = len(raw) == image.height * image.width
    shape = (image.height, image.width) if grey else (image.height, image.width, 3)
    return np.frombuffer(raw, np.uint8).reshape(shape)


def _raw_pixels(image: Image.Image) -> tuple[bytes, bool]:
    """The bytes of the pixels, of one channel where the image is grey, and whether it is."""
    raw = image.tobytes()
    if image.mode == "L":
        return raw, True
    if _all_grey(np.frombuffer(raw, np.uint8).reshape(image.height, image.width, 3)):
        return image.getchannel(0).tobytes(), True
    return raw, False


@dataclass(frozen=True, slots=True)
class _Decoded:
    """image: mode L or RGB.  size: width and height, upright, as stored.

    alpha: see `alpha_channel`.  opened: the file; None for a plain PNG.
    """

    image: Image.Image
    size: tuple[int, int]
    format_name: str
    alpha: Image.Image | None = None
    opened: Image.Image | None = None


def _decode(
    content: bytes,
    background: tuple[int, int, int],
    value_range: ValueRange | None,
    reserve: Reserve,
) -> _Decoded:
    image = read_simple_png(content)
    if image is not None:
        return _Decoded(image, image.size, "PNG")
    opened = open_image(content)
    size = upright_size(opened)
    # Decoding a grey file to grey, not to RGB, halves the time for small images.
    grey = opened.mode == "L" and "transparency" not in opened.info
    image = decode_opened(
        opened,
        channels=1 if grey else 3,
        background=background,
        min_size=(MIN_DECODED_SIDE, MIN_DECODED_SIDE),
        value_range=value_range,
        needs_range=True,
        reserve=reserve,
    )
    return _Decoded(_bounded(image), size, file_format(opened), alpha_channel(opened), opened)


def _varies(alpha: Image.Image | None) -> bool:
    if alpha is None:
        return False
    low, high = alpha.getextrema()
    return low != high


def _bounded(image: Image.Image) -> Image.Image:
    """The image, or a copy of at most MAX_MEASURED_PIXELS."""
    factor = 1
    while image.width * image.height > MAX_MEASURED_PIXELS * factor**2:
        factor += 1
    return image if factor == 1 else image.reduce(factor)


def file_format(image: Image.Image) -> str:
    """The name in IMAGE_FORMATS of an opened image (a multi-image JPEG is a JPEG)."""
    name = image.format or ""
    return {"MPO": "JPEG", "DIB": "BMP"}.get(name, name)


_LEVELS = np.arange(256)
_POWERS = np.stack([_LEVELS, _LEVELS**2])


def _level_stats(counts: np.ndarray) -> tuple[float, float, float, float]:
    """Mean, deviation, 1st and 99th percentile of a histogram of 256 levels."""
    below = counts.cumsum()
    total = int(below[-1])
    mean, square = (_POWERS @ counts / total).tolist()
    low, high = below.searchsorted((0.01 * total, 0.99 * total)).tolist()
    return mean, max(0.0, square - mean**2) ** 0.5, float(low), float(high)


def _mean_colour(thumbnail: Image.Image | None) -> tuple[float, float, float]:
    if thumbnail is None:
        return 0.0, 0.0, 0.0
    red, green, blue = np.asarray(thumbnail.convert("RGB")).reshape(-1, 3).mean(0).tolist()
    return red, green, blue


def sharpness(levels: np.ndarray) -> float:
    """Standard deviation of the Laplacian over that of the grey levels, uint8 (H, W).

    Infinity for images under MIN_SHARPNESS_SIDE pixels a side and for constant ones.
    """
    if min(levels.shape) < MIN_SHARPNESS_SIDE:
        return float("inf")
    levels = levels.astype(np.int16)
    centre = levels[1:-1, 1:-1]
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    contrast = float(levels.std())
    return float((4 * centre - around).std()) / contrast if contrast > 1 else float("inf")


def squash_to_thumbnail(image: Image.Image) -> Image.Image:
    """The image resized to THUMBNAIL_SIDE a side whatever its aspect (triangle filter)."""
    return image.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)


def is_drawing(counts: np.ndarray) -> bool:
    """Whether a histogram of 256 levels is that of ink on paper.

    Nine tenths of the pixels lie within 12 levels of paper or ink. Paper is the most frequent
    level and covers half of the image; ink is the far end of the levels in use.
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
