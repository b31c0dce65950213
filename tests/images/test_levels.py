"""16-bit, 32-bit and float grey by one range of values."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import decode_array, decode_image
from foveal.images.levels import NO_RANGE_REASON, measure_levels
from foveal.images.measure import measure_pixels


def stored(values: np.ndarray, kind: str = "TIFF", **more) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind, **more)
    return file.getvalue()


def read(content: bytes, **more) -> list[list[int]]:
    return decode_array(content, channels=1, **more)[..., 0].tolist()


def tiff(values: np.ndarray, *, photometric: int = 1, **tags: int) -> bytes:
    """A little-endian 16-bit TIFF of one strip; tags: t281=4095."""
    data = values.astype("<u2").tobytes()
    height, width = values.shape
    entries = {256: width, 257: height, 258: 16, 259: 1, 262: photometric, 273: 8, 277: 1}
    entries |= {278: height, 279: len(data)} | {int(name[1:]): tag for name, tag in tags.items()}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(entries)) + directory + bytes(4)


TWELVE_BITS = np.array([[0, 819, 2048, 4095]], np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_twelve_bits_in_sixteen_keep_their_levels(kind):
    assert read(stored(TWELVE_BITS, kind), value_range=(0, 4095)) == [[0, 51, 128, 255]]
    assert read(stored(TWELVE_BITS, kind)) == [[0, 3, 8, 16]]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_brightness_is_kept_between_images(dtype):
    dark, bright = np.full((2, 2), 20, dtype), np.full((2, 2), 80, dtype)
    assert read(stored(dark), value_range=(0, 100)) == [[51, 51]] * 2
    assert read(stored(bright), value_range=(0, 100)) == [[204, 204]] * 2


def test_white_as_zero_is_inverted():
    assert read(tiff(TWELVE_BITS, photometric=0), value_range=(0, 4095)) == [[255, 204, 127, 0]]
    assert read(tiff(TWELVE_BITS), value_range=(0, 4095)) == [[0, 51, 128, 255]]


def test_the_tags_of_a_file_tell_its_range():
    assert read(tiff(TWELVE_BITS, t281=4095)) == [[0, 51, 128, 255]]
    assert read(tiff(TWELVE_BITS, t281=3000)) == [[0, 51, 128, 255]]
    assert read(tiff(TWELVE_BITS, t281=65_535)) == [[0, 3, 8, 16]]
    with Image.open(io.BytesIO(tiff(TWELVE_BITS, t281=4095))) as image:
        image.load()
        assert measure_levels(image).tagged == (0.0, 4095.0)


def test_signed_16_bits_have_the_range_of_the_data_and_else_of_their_type():
    hounsfield = np.array([[-1_000, 0, 1_000]], np.int16).view(np.uint16)
    content = tiff(hounsfield, t339=2)
    assert read(content, value_range=(-1_000, 1_000)) == [[0, 128, 255]]
    assert read(content) == [[124, 128, 131]]
    assert measure_pixels(content).levels.tagged is None
    assert (measure_pixels(content).levels.low, measure_pixels(content).levels.high) == (-1e3, 1e3)


def test_a_png_tells_its_significant_bits():
    content = stored(np.array([[0, 900]], np.uint16), "PNG")
    body = b"sBIT" + bytes([12])
    chunk = struct.pack(">I", 1) + body + struct.pack(">I", zlib.crc32(body))
    with_bits = content[:33] + chunk + content[33:]
    assert measure_pixels(with_bits).levels.tagged == (0.0, 4095.0)
    assert measure_pixels(content).levels.tagged is None


def test_nan_is_the_low_end_and_infinity_the_end_on_its_side():
    values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert read(stored(values), value_range=(0, 1)) == [[0, 255, 0, 128]]
    with Image.open(io.BytesIO(stored(values))) as image:
        assert not measure_levels(image).finite


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_a_network_without_a_range_refuses_them(dtype):
    with pytest.raises(ImageError) as error:
        decode_image(stored(np.ones((2, 2), dtype)), channels=1, needs_range=True)
    assert error.value.reason == NO_RANGE_REASON
    assert NO_RANGE_REASON == (
        "32-bit or float values, for which preprocess.range has no range; convert it to 8 bits, "
        "or train with images of this kind"
    )
    sixteen = stored(TWELVE_BITS * 16, "PNG")
    assert decode_image(sixteen, channels=1, needs_range=True).size == (4, 1)


@given(
    arrays.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
)
def test_levels_rise_with_the_values(values, low, width):
    levels = np.array(read(stored(values), value_range=(low, low + width)))
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(levels.ravel()[order]) >= 0).all()
    assert (levels[values.astype(np.float64) <= low] == 0).all()
    assert (levels[values >= np.float64(low) + width] == 255).all()


def _refusal(content: bytes) -> str | None:
    try:
        decode_image(content, channels=1, needs_range=True)
    except ImageError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 4095]], "16-bit values up to 4095, of which neither the file nor preprocess.range "),
        ([[0, 200]], "16-bit values up to 200, of which neither the file nor preprocess.range "),
        ([[0, 16383]], "16-bit values up to 16383, of which neither the file nor preprocess.range"),
        ([[0, 16384]], None),
        ([[0, 0]], None),
    ],
)
def test_few_bits_of_sixteen_need_a_range(values, expected):
    array = np.array(values, np.uint16)
    for content in (stored(array, "PNG"), stored(array), tiff(array)):
        refusal = _refusal(content)
        assert refusal is None if expected is None else refusal.startswith(expected)


def test_tags_tell_the_range_of_few_bits():
    array = np.array([[0, 4000]], np.uint16)
    assert _refusal(tiff(array, t281=4095)) is None
    assert _refusal(tiff(array, t281=65535)) is None


def test_few_bits_of_signed_values_need_a_range():
    array = np.array([[-1000, 3000]], np.int16)
    content = tiff(array.view(np.uint16), t339=2)
    assert _refusal(content) == (
        "16-bit values up to 3000, of which neither the file nor preprocess.range tells the range "
        "(-4095 to 4095?), so that it would be nearly one colour; convert it to 8 bits, or train "
        "with images of this kind"
    )
    assert _refusal(tiff(np.array([[-9000, 3]], np.int16).view(np.uint16), t339=2)) is None
