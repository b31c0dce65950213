"""The opacity of images, and what lies under their transparent pixels."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from foveal.images.levels import is_deep

_STRIP_PIXELS = 2**24
"""Larger transparent images are composited in strips, as each step makes a copy."""


def may_be_transparent(image: Image.Image) -> bool:
    """Whether an opened image has an alpha channel or a transparent colour."""
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or (
        "transparency" in image.info and not is_deep(image)
    )


def alpha_channel(image: Image.Image) -> Image.Image | None:
    """Mode L, of an image that is decoded, as stored; None where every pixel is opaque."""
    if not may_be_transparent(image):
        return None
    alpha = image.convert("RGBA").getchannel("A")
    extremes = alpha.getextrema()
    return None if extremes == (255, 255) else alpha


def over_background(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Mode RGB: a decoded image over one colour, red, green and blue of 0..255."""
    if image.width * image.height <= _STRIP_PIXELS:
        return _composite(image, background)
    result = Image.new("RGB", image.size)
    for box in _strips(image.size):
        result.paste(_composite(image.crop(box), background), box)
    return result


def _strips(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) of full width that cover an image of that size."""
    width, height = size
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(height, top + rows)


def _composite(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    under = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(under, image.convert("RGBA")).convert("RGB")
