"""What one picture shows without a network: hashes, size, a thumbnail and how it is drawn.

Knows nothing of labels, splits or other pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from PIL import Image

from foveal.images.decode import decoded, header, orientation

SIDE = 32
"""Height and width of the grey thumbnail that near duplicates are compared by."""
ENOUGH = 256
"""A large JPEG is looked at on a side of at least this many pixels."""


@dataclass(frozen=True, slots=True)
class Look:
    """content, pixel: 64-bit hashes of the file's bytes and of its decoded pixels.

    width, height: pixels, upright, as stored.  grey: red, green and blue are equal everywhere.
    thumbnail: uint8 (SIDE, SIDE), squashed grey; None under SIDE pixels a side and for drawings.
    """

    content: int
    pixel: int
    width: int
    height: int
    grey: bool
    thumbnail: np.ndarray | None


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


def look(content: bytes) -> Look:
    """Look at one picture; PictureError where it cannot be read."""
    opened = header(content)
    width, height = opened.size if orientation(opened) < 5 else opened.size[::-1]
    image = decoded(opened, channels=3, least=(ENOUGH, ENOUGH))
    grey = is_grey(image)
    lit = image.getchannel(0) if grey else image.convert("L")
    small = min(width, height) < SIDE
    return Look(
        content_hash(content), pixel_hash(lit if grey else image), width, height, grey,
        None if small or is_drawing(lit) else thumbnail(lit),
    )  # fmt: skip


def thumbnail(lit: Image.Image) -> np.ndarray:
    """The grey picture squashed to uint8 (SIDE, SIDE), area-averaged."""
    return np.asarray(lit.resize((SIDE, SIDE), Image.Resampling.BOX))


def is_drawing(lit: Image.Image) -> bool:
    """Ink on paper: nine tenths of the pixels within 12 levels of paper or ink, paper the most.

    Paper is the commonest level and covers half; ink is the far end of the levels in use.
    """
    counts = np.asarray(lit.histogram(), np.int64)
    total = int(counts.sum())
    paper = int(counts.argmax())
    used = np.flatnonzero(np.cumsum(counts) > total // 1000)
    low, high = int(used[0]), int(np.flatnonzero(counts).max())
    ink = low if paper - low > high - paper else high
    near_paper = int(counts[max(0, paper - 12) : paper + 13].sum())
    near_ink = int(counts[max(0, ink - 12) : ink + 13].sum())
    apart = abs(ink - paper) > 64
    return apart and near_paper >= total / 2 and near_paper + near_ink >= 0.9 * total
