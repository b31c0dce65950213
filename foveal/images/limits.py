"""Limits on the memory one image may take: bytes of the file and of the decoded image."""

from __future__ import annotations

from PIL import Image

MAX_FILE_BYTES = 256 * 2**20
MAX_DECODED_BYTES = 512 * 2**20
"""Of one decoded image in memory: 134 million pixels in colour, 268 million of 16-bit grey."""
MAX_PIXELS = MAX_DECODED_BYTES
"""Of any image, as a pixel takes at least a byte."""
MAX_JPEG_REDUCTION = 8
"""A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size."""
COLOUR_BYTES = 4
"""Of a pixel in colour, as Pillow holds it."""
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}


def byte_limit_reason(size: int) -> str:
    """The reason of ImageError for a file of `size` bytes."""
    return f"{size // 2**20} MiB; the limit is {MAX_FILE_BYTES // 2**20} MiB"


def pixel_limit_reason(count: int, size: int) -> str:
    """The reason of ImageError for an image of `count` pixels and `size` bytes when decoded."""
    return (
        f"{count // 10**6} million pixels take {size // 2**20} MiB of memory; the limit is "
        f"{MAX_DECODED_BYTES // 2**20} MiB: make the image smaller"
    )


def decoded_bytes(image: Image.Image, channels: int = 1) -> int:
    """Memory of an opened image once it is decoded to `channels`, at its present size."""
    size = _BYTES_PER_PIXEL.get(image.mode, COLOUR_BYTES)
    return image.width * image.height * max(size, COLOUR_BYTES if channels == 3 else 1)


def least_decoded_bytes(image: Image.Image) -> int:
    """The same where a JPEG is decoded as small as its decoder can.

    A progressive JPEG is held whole as 16-bit coefficients, whatever size it is decoded to.
    """
    size = decoded_bytes(image)
    if not is_jpeg(image):
        return size
    return size // MAX_JPEG_REDUCTION**2 + coefficient_bytes(image)


def coefficient_bytes(image: Image.Image) -> int:
    """What an opened JPEG takes beside its pixels while it is decoded, at its full size."""
    if not is_jpeg(image) or not image.info.get("progressive"):
        return 0
    samples: list[int] = [across * down for _, across, down, _ in getattr(image, "layer", ())]
    return 2 * image.width * image.height * sum(samples) // max([1, *samples])


def is_jpeg(image: Image.Image) -> bool:
    """Whether it is a JPEG, or the first of several in one file."""
    return image.format in ("JPEG", "MPO")
