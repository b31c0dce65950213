"""Limits of memory, told at the header."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import decode_array, open_image


def test_the_limit_is_of_memory_and_told_at_the_header():
    for mode, size, mebibytes in (("RGB", (30_000, 5_000), 572), ("L", (25_000, 25_000), 596)):
        with pytest.raises(ImageError) as error:
            open_image(header_only_png(mode, *size))
        assert error.value.reason == (
            f"{size[0] * size[1] // 10**6} million pixels take {mebibytes} MiB of memory; "
            "the limit is 512 MiB: make the image smaller"
        )
    assert open_image(header_only_png("RGB", 30_000, 4_000)).size == (30_000, 4_000)
    assert open_image(header_only_png("L", 20_000, 20_000)).size == (20_000, 20_000)


def header_only_png(mode: str, width: int, height: int) -> bytes:
    header = struct.pack(">2I5B", width, height, 8, {"L": 0, "RGB": 2}[mode], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_a_photo_of_108_million_pixels_is_decoded_reduced():
    file = io.BytesIO()
    Image.new("RGB", (12_000, 9_000), (200, 100, 50)).save(file, "JPEG")
    pixels = decode_array(file.getvalue(), channels=3, min_size=(128, 128))
    assert pixels.shape == (1_125, 1_500, 3)
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 2


def test_a_progressive_jpeg_counts_what_its_decoder_holds():
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG", progressive=True, subsampling=0)
    content = bytearray(file.getvalue())
    start = content.index(b"\xff\xc2") + 5
    content[start : start + 4] = struct.pack(">2H", 10_000, 12_000)
    with pytest.raises(ImageError) as error:
        open_image(bytes(content))
    assert error.value.reason == (
        "120 million pixels take 693 MiB of memory; the limit is 512 MiB: make the image smaller"
    )
