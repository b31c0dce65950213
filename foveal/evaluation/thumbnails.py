"""Small pictures as data: addresses for a page, as many as its size allows.

Knows nothing of scores or pages.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

SIDE = 96
"""Longest side of a thumbnail, in pixels."""
QUALITY = 80
PAGE_BYTES = 20_000_000
"""A page is kept under this; what does not fit is sampled."""
_BLOCK = 512


def thumbnails(
    pixels: np.ndarray, places: Sequence[int], order: Sequence[int], room: int
) -> list[str]:
    """A data: address for each of `places`, or '' where the room is used up.

    pixels: uint8 (N, H, W, C).  order: positions in `places`, most wanted first.  room: bytes.
    """
    found = [""] * len(places)
    used = 0
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(order), _BLOCK):
            block = order[start : start + _BLOCK]
            for position, text in zip(
                block, pool.map(lambda at: thumbnail(pixels[places[at]]), block), strict=True
            ):
                used += len(text) + 3
                if used > room:
                    return found
                found[position] = text
    return found


def thumbnail(pixels: np.ndarray) -> str:
    """One picture, uint8 (H, W, C), as a JPEG in a data: address."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if max(image.size) > SIDE:
        image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
