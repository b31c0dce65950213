from __future__ import annotations

import struct
import zlib
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.errors import ImageError
from foveal.images import fast_png
from foveal.images.decode import (
    IMAGE_FORMATS,
    decode_array,
    decode_opened,
    open_image,
)
from foveal.images.fast_png import MAX_FAST_BYTES, read_simple_png

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header_chunk(width: int, height: int, colour: int, *, depth: int = 8, interlace: int = 0):
    return chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, interlace))


def file(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def by_pillow(content: bytes) -> tuple[str, tuple[int, int], bytes] | None:
    """What Pillow's own reader says; None where it refuses."""
    try:
        opened = open_image(content)
        image = decode_opened(opened, channels=1 if opened.mode == "L" else 3)
    except ImageError:
        return None
    return image.mode, image.size, image.tobytes()


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 12),
    colour=st.sampled_from([0, 2]),
    cuts=st.integers(1, 4),
    harmless=st.booleans(),
    data=st.data(),
)
def test_every_filter_gives_the_pixels_of_pillow(width, height, colour, cuts, harmless, data):
    row = width * (3 if colour else 1)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    filters = data.draw(st.lists(st.integers(0, 4), min_size=height, max_size=height))
    rows = [bytes([one]) + random.integers(0, 256, row, np.uint8).tobytes() for one in filters]
    packed = zlib.compress(b"".join(rows))
    ends = np.linspace(0, len(packed), cuts + 1).astype(int)
    parts = [chunk(b"IDAT", packed[a:b]) for a, b in pairwise(ends)]
    more = [chunk(b"gAMA", bytes(4)), chunk(b"pHYs", bytes(9))] if harmless else []
    content = file(header_chunk(width, height, colour), *more, *parts)
    found = read_simple_png(content)
    assert found is not None
    assert (found.mode, found.size, found.tobytes()) == by_pillow(content)


def saved(**options) -> bytes:
    out = BytesIO()
    random = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    Image.fromarray(random).save(out, "PNG", **options)
    return out.getvalue()


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_file_has_pillows_pixels_or_is_left_to_it(changes):
    content = bytearray(saved())
    for place, value in changes:
        content[place % len(content)] = value
    found = read_simple_png(bytes(content))
    if found is not None:
        assert (found.mode, found.size, found.tobytes()) == by_pillow(bytes(content))


def test_a_file_cut_anywhere_is_left_to_pillow():
    content = saved()
    assert all(read_simple_png(content[:end]) is None for end in range(len(content)))


PIXELS = chunk(b"IDAT", zlib.compress(bytes(8 * 9)))


@pytest.mark.parametrize(
    "content",
    [
        file(header_chunk(8, 8, 0), chunk(b"tRNS", bytes(2)), PIXELS),
        file(header_chunk(8, 8, 3), chunk(b"PLTE", bytes(12)), PIXELS),
        file(header_chunk(8, 8, 0, interlace=1), PIXELS),
        file(header_chunk(8, 8, 0, depth=4), PIXELS),
        file(header_chunk(8, 8, 0, depth=16), PIXELS),
        file(header_chunk(8, 8, 4), PIXELS),
        file(header_chunk(8, 8, 6), PIXELS),
        file(header_chunk(0, 8, 0), PIXELS),
        file(header_chunk(8, 8, 0), chunk(b"eXIf", bytes(8)), PIXELS),
        file(header_chunk(8, 8, 0), chunk(b"tEXt", b"XML:com.adobe.xmp"), PIXELS),
        file(header_chunk(8, 8, 0), chunk(b"pHYs", bytes(8)), PIXELS),
        file(header_chunk(8, 8, 0), PIXELS, chunk(b"pHYs", bytes(9))),
        file(header_chunk(8, 8, 0)),
        file(header_chunk(8, 8, 0), PIXELS) + b"more",
        file(header_chunk(8, 8, 0)[:-1] + b"x", PIXELS),
        file(header_chunk(10_000, 10_000, 0), PIXELS),
        file(header_chunk(8, 8, 0), PIXELS, chunk(b"IDAT", bytes(MAX_FAST_BYTES))),
        b"",
    ],
)
def test_what_is_unusual_is_left_to_pillow(content: bytes):
    assert read_simple_png(content) is None


@pytest.mark.parametrize("cut", [0, 1, 4, 6, 8, 10])
@pytest.mark.parametrize("height", [7, 8, 9])
def test_pixels_that_end_early_or_late_are_as_with_pillow(height: int, cut: int):
    packed = zlib.compress(bytes(range(72)))
    content = file(header_chunk(8, height, 0), chunk(b"IDAT", packed[: len(packed) - cut]))
    found = read_simple_png(content)
    if found is not None:
        assert (found.mode, found.size, found.tobytes()) == by_pillow(content)


def test_a_larger_image_is_left_to_pillow(monkeypatch):
    content = saved()
    monkeypatch.setattr(fast_png, "MAX_FAST_PIXELS", 99)
    assert read_simple_png(content) is not None
    monkeypatch.setattr(fast_png, "MAX_FAST_PIXELS", 98)
    assert read_simple_png(content) is None


@pytest.mark.parametrize("path", sorted(HOSTILE.glob("*")), ids=lambda path: path.name)
def test_hostile_files_have_the_verdict_of_pillow(path: Path):
    if not path.is_file():
        return
    content = path.read_bytes()
    found = read_simple_png(content)
    if found is not None:
        assert (found.mode, found.size, found.tobytes()) == by_pillow(content)


def test_grey_becomes_colour_and_colour_grey_as_elsewhere():
    content = saved()
    image = Image.open(BytesIO(content), formats=IMAGE_FORMATS)
    assert np.array_equal(decode_array(content, channels=1)[..., 0], np.asarray(image.convert("L")))
    out = BytesIO()
    image.convert("L").save(out, "PNG")
    colour = decode_array(out.getvalue(), channels=3)
    assert np.array_equal(colour[..., 0], np.asarray(image.convert("L")))
    assert np.array_equal(colour[..., 0], colour[..., 2])
