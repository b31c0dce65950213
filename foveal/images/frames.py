"""Whether an image file holds more than the one image that is read: frames, pages."""

from __future__ import annotations

from PIL import Image

from foveal.images.tiff import is_reduced_copy


def has_more_frames(image: Image.Image) -> bool:
    """Whether the file of an opened image has a second frame or page; no pixel is decoded.

    Decode the first frame before: where the second is damaged, Pillow may not find back to it.
    A reduced copy of the first page, as in a TIFF with a preview, is none, and nor is the second
    image of a photo (MPO, HEIF).
    """
    if image.format not in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        return False
    try:
        if not getattr(image, "is_animated", False):
            return False
        return image.format != "TIFF" or _has_second_page(image)
    except Exception:  # a damaged second frame: the first one was read
        return False


def _has_second_page(image: Image.Image) -> bool:
    image.seek(1)
    try:
        return not is_reduced_copy(image)
    finally:
        image.seek(0)
