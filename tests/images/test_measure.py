"""What of a file decides preprocessing."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.images.measure import PixelMeasure, is_special, measure_pixels


def stored(image: Image.Image, kind: str, **more) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "special"),
    [
        ("L", "PNG", False),
        ("RGB", "PNG", False),
        ("RGB", "JPEG", False),
        ("RGB", "WEBP", False),
        ("L", "TIFF", False),
        ("RGBA", "PNG", True),
        ("LA", "PNG", True),
        ("RGBA", "WEBP", True),
        ("I;16", "PNG", True),
        ("I;16", "TIFF", True),
        ("F", "TIFF", True),
        ("I", "TIFF", True),
    ],
)
def test_depth_and_transparency_are_seen_in_the_header(mode, kind, special):
    image = Image.new(mode, (8, 8), (1, 2, 3, 9) if mode == "RGBA" else None)
    assert is_special(stored(image, kind)) == special


def test_a_palette_with_a_transparent_colour_is_special():
    image = Image.new("P", (8, 8))
    assert not is_special(stored(image, "PNG"))
    assert is_special(stored(image, "PNG", transparency=0))
    assert is_special(stored(image, "GIF", transparency=0))


def test_contrast_is_of_the_visible_pixels():
    values = np.zeros((4, 4, 4), np.uint8)
    values[:2] = 0, 0, 0, 255
    values[2:] = 255, 255, 255, 0
    measured = measure_pixels(stored(Image.fromarray(values), "PNG"))
    assert measured.contrasts == (0.0, 255.0, 128.0)
    values[..., 3] = 255
    assert measure_pixels(stored(Image.fromarray(values), "PNG")) == PixelMeasure()
    values[..., 3] = 0
    assert measure_pixels(stored(Image.fromarray(values), "PNG")) == PixelMeasure()


def test_more_transparent_colours_than_a_palette_can_have_is_an_image_error():
    """Pillow finds it only where the transparency is used."""
    content = stored(Image.new("P", (8, 8)), "PNG")
    chunk = b"tRNS" + bytes(range(256)) * 2
    chunk = struct.pack(">I", 512) + chunk + struct.pack(">I", zlib.crc32(chunk))
    at = content.index(b"IDAT") - 4
    with pytest.raises(ImageError) as info:
        measure_pixels(content[:at] + chunk + content[at:])
    assert str(info.value) == "damaged: its content cannot be decoded"


def test_a_damaged_file_is_an_image_error():
    content = stored(Image.new("F", (64, 64), 0.5), "TIFF")
    with pytest.raises(ImageError):
        measure_pixels(content[:300])
