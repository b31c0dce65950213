"""Decodes image files to 8-bit pixels, upright, within limits; nothing else reads image files.

Rules: EXIF (and XMP) orientation is always applied; transparent pixels are composited over
`background`; palettes and CMYK become RGB; grey of more than 8 bits is mapped to 0..255 by the
value range (see `levels`); of an animation the first frame is read.
"""

from __future__ import annotations

import functools
import re
import warnings
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Literal, Required, TypedDict, Unpack

import numpy as np
from PIL import Image, UnidentifiedImageError

from foveal.errors import ImageError
from foveal.images.deep_colour import has_deep_colour, load_deep_colour
from foveal.images.fast_png import read_simple_png
from foveal.images.file_bytes import read_bytes
from foveal.images.levels import FULL_RANGE, ValueRange, is_deep, to_8_bits
from foveal.images.limits import (
    MAX_DECODED_BYTES,
    MAX_FILE_BYTES,
    MAX_PIXELS,
    byte_limit_reason,
    coefficient_bytes,
    decoded_bytes,
    is_jpeg,
    least_decoded_bytes,
    pixel_limit_reason,
)
from foveal.images.memory import NeedsMoreMemory, Reserve, decoding_budget
from foveal.images.signatures import HEIC_REASON, is_heic, unidentified_reason
from foveal.images.tiff import (
    DNG_VERSION,
    SUB_IFDS,
    allow_white_as_zero,
    is_reduced_copy,
    tiff_tags,
)
from foveal.images.transparency import may_be_transparent, over_background

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
"""Formats that are parsed; other formats that Pillow supports are never tried."""
_PILLOW_FORMATS = IMAGE_FORMATS[:-1]
_ORIENTATION = 0x0112
_BLACK = (0, 0, 0)
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_KEYS = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")

# Pillow's own cap is below photographs of today; ours counts memory, see `limits`.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Pillow only warns between one and two times its cap, and of harmless metadata faults.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class DecodeOptions(TypedDict, total=False):
    """What every way to decode an image takes.

    background: red, green, blue, 0..255, under what is transparent.
    min_size: (height, width) in pixels that suffices: a JPEG may then be decoded at 1/2, 1/4 or
    1/8 of its size, never below `min_size`.  value_range: see `levels.to_8_bits`.
    needs_range: raise ImageError for 32-bit and float values without `value_range`.  reserve: of
    a caller that holds the image longer (see `memory`).
    """

    channels: Required[Literal[1, 3]]
    background: tuple[int, int, int]
    min_size: tuple[int, int] | None
    value_range: ValueRange | None
    needs_range: bool
    reserve: Reserve | None


def decode_array(source: Path | bytes, **options: Unpack[DecodeOptions]) -> np.ndarray:
    """The image as uint8 (height, width, channels), upright.

    source: a path or the bytes of a file.  Raises ImageError with a short reason.
    """
    image = decode_image(source, **options)
    return np.asarray(image).reshape(image.height, image.width, options["channels"])


def decode_image(
    source: Path | bytes | Image.Image, **options: Unpack[DecodeOptions]
) -> Image.Image:
    """The same as `decode_array`, as a Pillow image of mode L or RGB."""
    if isinstance(source, Image.Image):
        options["min_size"] = None  # it would reduce the image that the caller holds
        return decode_opened(source, **options)
    content = source if isinstance(source, bytes) else read_bytes(source)
    image = read_simple_png(content)
    if image is not None:
        return _to_mode(image, options["channels"], options.get("background", _BLACK))
    return decode_opened(open_image(content), **options)


def decode_opened(
    image: Image.Image,
    *,
    channels: Literal[1, 3],
    background: tuple[int, int, int] = _BLACK,
    min_size: tuple[int, int] | None = None,
    value_range: ValueRange | None = None,
    needs_range: bool = False,
    reserve: Reserve | None = None,
) -> Image.Image:
    """The same for an image that is open, such as one from `open_image`; see DecodeOptions."""
    budget = decoding_budget.reservation() if reserve is None else nullcontext(reserve)
    with budget as granted:
        try:
            coefficients = coefficient_bytes(image)
            if min_size is not None and is_jpeg(image):
                height, width = min_size
                image.draft(None, (height, width) if _swaps_axes(image) else (width, height))
            deep_colour = has_deep_colour(image)
            copies = 2 if deep_colour and value_range not in (None, FULL_RANGE) else 1
            size = copies * decoded_bytes(image, channels)
            _check_memory(image, size)
            granted(size + coefficients)
            opened = image
            if deep_colour:
                image = load_deep_colour(opened, value_range, needs_range=needs_range)
            opened.load()
            turn = _TRANSPOSE.get(_orientation(opened))
            if is_deep(image):
                image = to_8_bits(image, value_range, needs_range=needs_range)
            if turn is not None:
                image = image.transpose(turn)
            return _to_mode(image, channels, background)
        except NeedsMoreMemory:
            raise
        except Exception as error:
            raise ImageError(_failure_reason(error)) from error


def open_image(content: bytes) -> Image.Image:
    """The image with its header read and its pixels not decoded: `size`, `mode`, `format`.

    Raises ImageError: empty, too large a file, not a supported format, too many pixels.
    """
    if not content:
        raise ImageError("empty file")
    if len(content) > MAX_FILE_BYTES:
        raise ImageError(byte_limit_reason(len(content)))
    _allow_long_png_text()
    if content.startswith((b"II", b"MM")):
        allow_white_as_zero()
    heic = is_heic(content)
    if heic and not _register_heic():
        raise ImageError(HEIC_REASON)
    try:
        image = Image.open(
            BytesIO(content), formats=IMAGE_FORMATS[-1:] if heic else _PILLOW_FORMATS
        )
        _reject_raw_preview(image)  # tags are parsed here, of which any may be damaged
        _check_memory(image, least_decoded_bytes(image))
        return image
    except UnidentifiedImageError as error:
        raise ImageError(unidentified_reason(content)) from error
    except Exception as error:
        raise ImageError(_failure_reason(error)) from error


@functools.cache
def _allow_long_png_text() -> None:
    """Let one text or colour profile of a PNG file be as long as all of them together: 64 MiB.

    Pillow refuses more than 1 MiB, which image generators and Photoshop write.
    """
    from PIL import PngImagePlugin  # not at the top: it takes longer than the fast path needs

    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


def _register_heic() -> bool:
    """Make Pillow read HEIC photos; False where pillow-heif is not installed or does not load."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _reject_raw_preview(image: Image.Image) -> None:
    """Raise ImageError for a camera RAW file in the form of a TIFF, which opens as its preview."""
    tags = tiff_tags(image)
    if DNG_VERSION in tags or (SUB_IFDS in tags and is_reduced_copy(image)):
        raise ImageError("a camera RAW photo (such as DNG or NEF): develop it to JPEG or TIFF")


def _check_memory(image: Image.Image, size: int) -> None:
    if size > MAX_DECODED_BYTES:
        raise ImageError(pixel_limit_reason(image.width * image.height, size))


def preload_codecs() -> None:
    """Import Pillow's codecs now: the first image would wait some 20 ms for them."""
    Image.preinit()


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) in pixels of an opened image after its EXIF orientation is applied.

    Raises ImageError where its EXIF data is damaged.
    """
    width, height = image.size
    return (height, width) if _swaps_axes(image) else (width, height)


def _swaps_axes(image: Image.Image) -> bool:
    return _orientation(image) >= 5


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; raises ImageError where it cannot be read."""
    # Pillow's parsing of EXIF takes as long as decoding a small image: only where it may be.
    if image.format != "TIFF" and not any(key in image.info for key in _ORIENTATION_KEYS):
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:
        raise ImageError(_failure_reason(error)) from error
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_mode(image: Image.Image, channels: int, background: tuple[int, int, int]) -> Image.Image:
    mode = "L" if channels == 1 else "RGB"
    if may_be_transparent(image):
        image = over_background(image, background)
    elif image.mode == "P" and mode == "L":
        image = image.convert("RGB")  # Pillow rounds differently from P to L
    return image if image.mode == mode else image.convert(mode)


def _failure_reason(error: Exception) -> str:
    if isinstance(error, ImageError):
        return error.reason
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        count = int(re.findall(r"\d+", str(error))[0])
        return pixel_limit_reason(count, count)
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    text = str(error).lower()
    if "max_text_" in text:
        return "more than 64 MiB of text or colour profile in the file"
    if "truncated" in text or "end of file" in text or isinstance(error, EOFError):
        return "truncated: the file ends before the image does"
    return "damaged: its content cannot be decoded"
