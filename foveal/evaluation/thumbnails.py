"""Small images as data: addresses for a page, as many as its size allows.

Knows nothing of scores or pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from foveal.images.thumbnail import thumbnail_uri

SIDE = 96
"""Longest side of a thumbnail, in pixels."""
QUALITY = 80
PAGE_BYTES = 20_000_000
"""A page is kept under this; what does not fit is sampled."""
_BLOCK = 512


def thumbnails(pixels: np.ndarray, places: Sequence[int], room: int) -> list[str]:
    """A data: address for each of `places`, or '' from where the room is used up.

    pixels: uint8 (N, H, W, C).  places: numbers of images, most wanted first.  room: bytes.
    """
    found: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(places), _BLOCK):
            for text in pool.map(lambda at: thumbnail(pixels[at]), places[start : start + _BLOCK]):
                room -= len(text) + 3
                if room < 0:
                    return found + [""] * (len(places) - len(found))
                found.append(text)
    return found


def thumbnail(pixels: np.ndarray) -> str:
    """One image, uint8 (H, W, C), as a JPEG in a data: address."""
    return thumbnail_uri(pixels, SIDE, max_png_pixels=0, quality=QUALITY)
