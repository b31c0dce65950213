"""The one decoder of record: bytes of an image file to 8-bit pixels, turned upright, capped.

Knows nothing of networks, classes or caches.

Rules: EXIF (and XMP) orientation always applied; transparent pixels laid over `background`;
palettes and CMYK to red, green, blue; 16-bit grey divided by 257; 32-bit and float grey mapped
from the least and greatest value of the image to 0..255 (a flat one to 0); the first frame of
an animation.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from foveal.errors import ImageError
from foveal.images.png import simple

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
"""All that is ever parsed; other formats Pillow knows are never tried."""
MAX_PIXELS = 50_000_000
MAX_BYTES = 256 * 2**20
_ORIENTATION = 0x0112
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAY_BE_TURNED = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")

# Pillow only warns between one and two times its own cap, and of harmless metadata faults.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def decode(
    source: Path | bytes,
    *,
    channels: Literal[1, 3],
    background: tuple[int, int, int] = (0, 0, 0),
    least: tuple[int, int] | None = None,
) -> np.ndarray:
    """The image as uint8 (height, width, channels), upright.

    least: (height, width) in pixels that is enough: a JPEG may then be decoded at 1/2, 1/4 or
    1/8 of its size, never below `least`.
    Raises ImageError with the reason in a few words.
    """
    image = decode_image(source, channels=channels, background=background, least=least)
    return np.asarray(image).reshape(image.height, image.width, channels)


def decode_image(
    source: Path | bytes | Image.Image,
    *,
    channels: Literal[1, 3],
    background: tuple[int, int, int] = (0, 0, 0),
    least: tuple[int, int] | None = None,
) -> Image.Image:
    """The same as `decode`, as a Pillow image of mode L or RGB."""
    if isinstance(source, Image.Image):
        return decode_scaled(source, channels=channels, background=background)
    content = source if isinstance(source, bytes) else read_bytes(source)
    image = simple(content, MAX_PIXELS)
    if image is not None:
        return _plain(image, channels, background)
    return decode_scaled(header(content), channels=channels, background=background, least=least)


def decode_scaled(
    image: Image.Image,
    *,
    channels: Literal[1, 3],
    background: tuple[int, int, int] = (0, 0, 0),
    least: tuple[int, int] | None = None,
) -> Image.Image:
    """An opened image, such as `header` gives, decoded to mode L or RGB; see `decode`."""
    try:
        if least is not None and image.format in ("JPEG", "MPO"):
            swapped = orientation(image) >= 5
            image.draft(None, (least[0], least[1]) if swapped else (least[1], least[0]))
        image.load()
        return _plain(_upright(image), channels, background)
    except Exception as error:
        raise ImageError(_reason(error)) from error


def header(content: bytes) -> Image.Image:
    """The image opened but not decoded: `size`, `mode` and `format` are known.

    Raises ImageError: empty, not an image of an allowed format, more than 50 million pixels.
    """
    if not content:
        raise ImageError("empty file")
    if len(content) > MAX_BYTES:
        raise ImageError(too_long(len(content)))
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(_not_a_image(content)) from error
    except Exception as error:
        raise ImageError(_reason(error)) from error
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(too_large(image.width * image.height))
    return image


def prepare() -> None:
    """Load Pillow's readers now, some 20 ms of imports that the first image would wait for."""
    Image.preinit()


def too_large(count: int) -> str:
    """The reason for an image of `count` pixels."""
    return f"{count // 10**6} million pixels, more than {MAX_PIXELS // 10**6} million"


def read_bytes(path: Path | str) -> bytes:
    """The bytes of a regular file; ImageError for anything else, too large, or unreadable.

    A FIFO or device is never opened, so it cannot hang.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - 60,000 times, without building a Path
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not a regular file")
        if status.st_size > MAX_BYTES:
            raise ImageError(too_long(status.st_size))
        handle = os.open(path, _READ)
        try:
            return _all_of(handle, status.st_size)
        finally:
            os.close(handle)
    except OSError as error:
        raise ImageError(f"cannot be opened: {error.strerror or error}") from error


def _all_of(handle: int, size: int) -> bytes:
    """All of a file that had `size` bytes; one that grew is read up to the limit."""
    content = os.read(handle, size + 1)
    if len(content) == size:
        return content
    parts = [content]
    while content and sum(map(len, parts)) <= MAX_BYTES:
        content = os.read(handle, 2**20)
        parts.append(content)
    return b"".join(parts)


def too_long(size: int) -> str:
    """The reason for a file of `size` bytes."""
    return f"{size // 2**20} MiB, more than the {MAX_BYTES // 2**20} read"


def _upright(image: Image.Image) -> Image.Image:
    turn = _TURN.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation 1..8 of a header; 5 and more swap height and width."""
    # Asking Pillow for EXIF costs as much as decoding a small image: ask only where it may be.
    if image.format != "TIFF" and not any(key in image.info for key in _MAY_BE_TURNED):
        return 1
    value = image.getexif().get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _plain(image: Image.Image, channels: int, background: tuple[int, int, int]) -> Image.Image:
    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_eight_bits(image))
    elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = _over(image.convert("RGBA"), background)
    elif image.mode == "P" and mode == "L":
        image = image.convert("RGB")  # straight to grey, Pillow rounds differently
    return image if image.mode == mode else image.convert(mode)


def _over(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    under = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(under, image).convert("RGB")


def _eight_bits(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return np.round(values / np.float32(257)).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.zeros(values.shape, np.uint8)
    return np.round((values - low) * (255.0 / (high - low))).clip(0, 255).astype(np.uint8)


def _not_a_image(content: bytes) -> str:
    start = content[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "not an image: a web page or XML text"
    return "not an image of a format read (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF)"


def _reason(error: Exception) -> str:
    if isinstance(error, ImageError):
        return error.reason
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return too_large(int(re.findall(r"\d+", str(error))[0]))
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    text = str(error).lower()
    if "truncated" in text or "end of file" in text or isinstance(error, EOFError):
        return "truncated: the file ends before the image does"
    return "damaged: its content cannot be decoded"
