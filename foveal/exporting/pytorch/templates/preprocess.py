"""From an image file to the pixels of the network, with Pillow and numpy only.

The pixels are those the network was trained on: upright by EXIF, without transparency, of the input
size. Normalisation is part of network.py. Read are JPEG, PNG, WebP, BMP, GIF (first frame), TIFF
and AVIF; colour of 16 bits only from PNG and without RANGE.
"""

from __future__ import annotations

import math
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

HEIGHT, WIDTH, CHANNELS = 64, 64, 3
FIT = "crop"  # or pad, squash
CROP_FRACTION = 1.0  # of the resized image's shorter side that crop keeps
INTERPOLATION = "bicubic"  # or bilinear
BACKGROUND = (0, 0, 0)  # red, green, blue under transparent pixels and around padded images
RANGE: tuple[float, float] | None = None  # values that become 0 and 255 where more than 8 bits

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
MAX_FILE_BYTES = 2**28
MAX_STORED_PIXELS = 2**29  # of a file that may be decoded at reduced size
MAX_PIXELS = 2**27
ORIENTATION, NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, WHITE_IS_ZERO = 274, 254, 258, 262
SUB_IFDS, DNG_VERSION = 330, 50706
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = MAX_STORED_PIXELS
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class UnreadableImage(ValueError):
    """An image that cannot be read, and why."""


def load_pixels(source: str | Path | bytes) -> np.ndarray:
    """uint8 (HEIGHT, WIDTH, CHANNELS) of an image file or its bytes; raises UnreadableImage."""
    content = source if isinstance(source, bytes) else _read(Path(source))
    try:
        return _resize(_decode(content))
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImage(f"none of the formats {', '.join(FORMATS)}") from error
    except Exception as error:
        raise UnreadableImage(f"cannot be decoded: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise UnreadableImage("not a regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnreadableImage("more than 256 MiB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, UnreadableImage):
            raise
        reason = getattr(error, "strerror", None) or error
        raise UnreadableImage(f"cannot be opened: {reason}") from error


def _decode(content: bytes) -> Image.Image:
    """Upright, of mode L or RGB."""
    if not content:
        raise UnreadableImage("empty file")
    image: Image.Image = Image.open(BytesIO(content), formats=FORMATS)
    if image.format in ("JPEG", "MPO"):  # at 1/2, 1/4 or 1/8 of its size where that suffices
        swapped = _orientation(image) >= 5
        size = [math.ceil(2 / CROP_FRACTION * side) for side in (WIDTH, HEIGHT)]
        image.draft(None, (size[1], size[0]) if swapped else (size[0], size[1]))
    _refuse_unsupported(image)
    opened, deep_colour = image, _has_deep_colour(image)
    opened.load()
    turn = TRANSPOSE.get(_orientation(opened))
    if deep_colour and int(np.asarray(image)[..., :3].max()) < 64:
        raise UnreadableImage("16-bit colour that uses less than 15 bits and would be nearly black")
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(image)
    if turn is not None:
        image = image.transpose(turn)
    return _to_mode(image)


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _refuse_unsupported(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableImage(f"more than {MAX_PIXELS // 10**6} million pixels: make it smaller")
    tags = getattr(image, "tag_v2", {})
    if DNG_VERSION in tags or (SUB_IFDS in tags and tags.get(NEW_SUBFILE_TYPE, 0) & 1):
        raise UnreadableImage("a camera RAW photo: develop it to JPEG or TIFF")
    if not _has_deep_colour(image):
        return
    if image.format != "PNG":
        raise UnreadableImage("a TIFF of 16 bits a colour: save it as PNG or with 8 bits")
    if RANGE not in (None, (0.0, 65535.0)):
        raise UnreadableImage("16 bits a colour, to which RANGE is not applied: use 8 bits")


def _has_deep_colour(image: Image.Image) -> bool:
    """Whether it has 16 bits a colour channel, of which Pillow keeps the upper 8."""
    if image.mode not in ("RGB", "RGBA", "CMYK"):
        return False
    bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, ())
    return 16 in bits or any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))


def _to_8_bits(image: Image.Image) -> Image.Image:
    """A grey image of 16 bits, 32 bits or float as mode L."""
    if getattr(image, "tag_v2", {}).get(WHITE_IS_ZERO) == 0:
        raise UnreadableImage("a TIFF of more than 8 bits with 0 for white: save it as PNG")
    values = np.asarray(image)
    low, high = _full_range(image, values) if RANGE is None else RANGE
    with np.errstate(invalid="ignore", over="ignore"):
        levels = np.round((values.astype(np.float64) - low) * (255.0 / (high - low)))
    return Image.fromarray(np.nan_to_num(levels.clip(0, 255), nan=0.0).astype(np.uint8))


def _full_range(image: Image.Image, values: np.ndarray) -> tuple[float, float]:
    if not image.mode.startswith("I;16") or image.format != "PNG":
        raise UnreadableImage("more than 8 bits, and no RANGE of its values: convert it to 8 bits")
    values = values.reshape(-1)[:: max(1, values.size // 2**20)]
    highest = float(np.quantile(values, 0.9999, method="higher"))
    if 0 < highest < 2**14:
        raise UnreadableImage(
            f"16-bit values up to {highest:.0f} only, and no RANGE of them: convert it to 8 bits"
        )
    return 0.0, 65535.0


def _to_mode(image: Image.Image) -> Image.Image:
    mode = "L" if CHANNELS == 1 else "RGB"
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        under = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(under, image.convert("RGBA")).convert("RGB")
    elif image.mode == "P":
        image = image.convert("RGB")  # Pillow rounds differently from P to L
    return image if image.mode == mode else image.convert(mode)


def _resize(image: Image.Image) -> np.ndarray:
    size, kernel = (WIDTH, HEIGHT), Image.Resampling[INTERPOLATION.upper()]
    if CROP_FRACTION < 1:
        image = image.resize(size, kernel, box=_fraction_box(*image.size))
    elif image.size != size:
        if FIT == "crop":
            image = image.resize(size, kernel, box=_centre_box(*image.size))
        elif FIT == "squash":
            image = image.resize(size, kernel)
        else:
            image = _pad(image, kernel)
    return np.array(image).reshape(HEIGHT, WIDTH, CHANNELS)


def _centre_box(width: int, height: int) -> tuple[float, float, float, float]:
    """The largest centred box of the input's aspect ratio."""
    scale = min(width / WIDTH, height / HEIGHT)
    box_width, box_height = scale * WIDTH, scale * HEIGHT
    left, top = max(0.0, (width - box_width) / 2), max(0.0, (height - box_height) / 2)
    return left, top, min(width, left + box_width), min(height, top + box_height)


def _fraction_box(width: int, height: int) -> tuple[float, float, float, float]:
    """What stays when the image is resized whole and the input's size cut from its centre."""
    target_width, target_height = (int(side / CROP_FRACTION + 1e-6) for side in (WIDTH, HEIGHT))
    if target_width * height >= target_height * width:
        resized = target_width, target_width * height // width
    else:
        resized = target_height * width // height, target_height
    left, top = round((resized[0] - WIDTH) / 2), round((resized[1] - HEIGHT) / 2)
    return (
        left * width / resized[0],
        top * height / resized[1],
        (left + WIDTH) * width / resized[0],
        (top + HEIGHT) * height / resized[1],
    )


def _pad(image: Image.Image, kernel: Image.Resampling) -> Image.Image:
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    width = min(WIDTH, max(1, round(image.width * scale)))
    height = min(HEIGHT, max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND).convert(image.mode)
    if image.size != (width, height):
        image = image.resize((width, height), kernel)
    canvas.paste(image, ((WIDTH - width) // 2, (HEIGHT - height) // 2))
    return canvas
