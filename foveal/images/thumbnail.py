"""Small copies of images as data URIs, for pages that load nothing else."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

MAX_PNG_PIXELS = 64 * 64
"""Up to this many pixels a thumbnail is a PNG, which is then about as small as a JPEG."""


def thumbnail_uri(
    image: Image.Image | np.ndarray,
    max_side: int,
    *,
    min_side: int = 0,
    max_png_pixels: int = MAX_PNG_PIXELS,
    quality: int = 85,
) -> str:
    """The image at most `max_side` pixels a side, without metadata, as a PNG or JPEG data URI.

    image: mode L or RGB, or uint8 (H, W, 1) or (H, W, 3).  min_side: see `enlarge`.
    quality: of the JPEG that more than `max_png_pixels` pixels become.
    """
    image = enlarge(to_image(image), min_side)
    image.thumbnail((max_side, max_side))
    out = io.BytesIO()
    if image.width * image.height <= max_png_pixels:
        image.save(out, "PNG", optimize=True)
        return data_uri(out.getvalue(), "image/png")
    image.save(out, "JPEG", quality=quality)
    return data_uri(out.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    """A `data:` URI in base64."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def to_image(pixels: Image.Image | np.ndarray) -> Image.Image:
    """A Pillow image of uint8 (H, W, 1) or (H, W, 3); a copy of one that is an image already."""
    if isinstance(pixels, Image.Image):
        return pixels.copy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def enlarge(image: Image.Image, min_side: int) -> Image.Image:
    """The image with each pixel repeated until its longer side has at least `min_side` pixels."""
    times = -(-min_side // max(image.size))
    if times <= 1:
        return image
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
