"""Both halves of 16 bits a colour channel, in the ways files store them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import decode_array, decode_image, open_image
from foveal.images.deep_colour import (
    PLANAR_REASON,
    PREMULTIPLIED_REASON,
    colour_values,
    file_content,
    has_deep_colour,
    join_bytes,
    read_lower_bytes,
)
from foveal.images.measure import measure_pixels

VALUES = np.random.default_rng(0).integers(0, 4096, (7, 9, 4)).astype(np.uint16)
OPAQUE = np.concatenate([VALUES[..., :3], np.full((7, 9, 1), 65535, np.uint16)], axis=2)
TWELVE_BITS = (0, 4095)
CMYK, RGB, GREY = 5, 2, 1
ASSOCIATED, UNASSOCIATED = 1, 2


def tiff(
    values: np.ndarray,
    order: str = "<",
    *,
    photometric: int = RGB,
    deflate: bool = False,
    planar: bool = False,
    opacity: int | None = None,
) -> bytes:
    """A TIFF of one strip (or one a plane) with 16-bit (H, W, C) values."""
    height, width, channels = values.shape
    parts = [values] if not planar else [values[..., channel] for channel in range(channels)]
    strips = [np.ascontiguousarray(part).astype(order + "u2").tobytes() for part in parts]
    strips = [zlib.compress(strip) if deflate else strip for strip in strips]
    starts = np.cumsum([8, *map(len, strips)]).tolist()
    entries = {256: [width], 257: [height], 258: [16] * channels, 259: [8 if deflate else 1]}
    entries |= {262: [photometric], 273: starts[:-1], 277: [channels], 278: [height]}
    entries |= {279: [len(strip) for strip in strips], 284: [2 if planar else 1]}
    entries |= {} if opacity is None else {338: [opacity]}
    extra, directory = b"", b""
    for tag, numbers in sorted(entries.items()):
        value = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(value) > 4:
            value, extra = struct.pack(order + "I", starts[-1] + len(extra)), extra + value
        directory += struct.pack(order + "HHI", tag, 4, len(numbers)) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(
        order + "I", starts[-1] + len(extra)
    )
    count = struct.pack(order + "H", len(entries))
    return head + b"".join(strips) + extra + count + directory + bytes(4)


def png(values: np.ndarray, colour: int, *, interlaced: bool = False) -> bytes:
    """A 16-bit PNG; interlaced: in the seven passes of Adam7."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        passes += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, right in passes:
        part = values[top::down, left::right]
        rows += b"".join(b"\0" + row.astype(">u2").tobytes() for row in part if row.size)
    height, width = values.shape[:2]
    header = struct.pack(">2I5B", width, height, 16, colour, 0, 0, int(interlaced))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def levels(values: np.ndarray, high: int = 4095) -> np.ndarray:
    return np.round(values * (255 / high)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_both_halves_of_a_tiff_are_read(order, deflate):
    values = VALUES[..., :3]
    content = tiff(values, order, deflate=deflate)
    image = open_image(content)
    assert has_deep_colour(image)
    assert file_content(image) == content
    lower = read_lower_bytes(content)
    image.load()
    assert np.array_equal(join_bytes(np.asarray(image), lower), values)
    assert np.array_equal(colour_values(image, content), values)
    pixels = decode_array(content, channels=3, value_range=TWELVE_BITS)
    assert np.array_equal(pixels, levels(values))
    assert np.array_equal(decode_array(content, channels=3), values >> 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_four_inks_keep_their_lower_bits(order, deflate):
    content = tiff(VALUES, order, photometric=CMYK, deflate=deflate)
    pixels = decode_array(content, channels=3, value_range=TWELVE_BITS)
    eight_bits = Image.frombytes("CMYK", (9, 7), levels(VALUES).tobytes())
    assert np.array_equal(pixels, np.asarray(eight_bits.convert("RGB")))
    assert measure_pixels(content).levels.high == VALUES.max()


@pytest.mark.parametrize("interlaced", [False, True])
def test_grey_with_opacity_keeps_its_lower_bits(interlaced):
    values = OPAQUE[..., 2:]
    content = png(values, 4, interlaced=interlaced)
    pixels = decode_array(content, channels=1, value_range=TWELVE_BITS)
    assert np.array_equal(pixels[..., 0], levels(values[..., 0]))
    assert measure_pixels(content).levels.high == values[..., 0].max()


@pytest.mark.parametrize("interlaced", [False, True])
def test_opacity_is_not_mapped_by_the_range(interlaced):
    half = OPAQUE.copy()
    half[..., 3] = 32768
    for values, colour in ((half, 6), (half[..., 2:], 4)):
        content = png(values, colour, interlaced=interlaced)
        pixels = decode_array(content, channels=3, value_range=TWELVE_BITS)
        shown = levels(values[..., :-1]) * (128 / 255)
        assert np.abs(pixels - shown).max() <= 1


def test_an_image_that_lies_on_its_side_is_turned_after_it_is_mapped():
    values = np.full((2, 3, 3), 4095, np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG", exif=exif)
    chunk = file.getvalue()[33:]
    chunk = chunk[chunk.index(b"eXIf") - 4 :]
    chunk = chunk[: 12 + int.from_bytes(chunk[:4])]
    content = png(values, 2)
    turned = decode_array(content[:33] + chunk + content[33:], channels=3, value_range=TWELVE_BITS)
    assert (turned.shape, turned.min()) == ((3, 2, 3), 255)


@pytest.mark.parametrize("photometric", [RGB, CMYK])
def test_planes_are_refused_where_bits_would_be_lost(photometric):
    values = VALUES if photometric == CMYK else VALUES[..., :3]
    plain = tiff(values, photometric=photometric, planar=True)
    deflated = tiff(values, photometric=photometric, planar=True, deflate=True)
    for content, value_range in ((plain, None), (plain, TWELVE_BITS), (deflated, TWELVE_BITS)):
        with pytest.raises(ImageError) as error:
            decode_array(content, channels=3, value_range=value_range)
        assert str(error.value) == PLANAR_REASON
    if photometric == RGB:
        full = tiff(values * 16, planar=True, deflate=True)
        assert np.array_equal(decode_array(full, channels=3), (values * 16) >> 8)


def test_colour_multiplied_by_its_opacity_is_refused_where_a_range_is_to_be_applied():
    content = tiff(OPAQUE * 16, opacity=ASSOCIATED)
    assert np.array_equal(decode_array(content, channels=3), (OPAQUE[..., :3] * 16) >> 8)
    with pytest.raises(ImageError) as error:
        decode_array(content, channels=3, value_range=TWELVE_BITS)
    assert str(error.value) == PREMULTIPLIED_REASON


def _unclear(high: int, full: int) -> str:
    return (
        f"16-bit values up to {high}, of which neither the file nor preprocess.range tells the "
        f"range (0 to {full}?), so that it would be nearly one colour; convert it to 8 bits, or "
        "train with images of this kind"
    )


@pytest.mark.parametrize(
    ("content", "high", "full"),
    [
        (png(VALUES[..., :3], 2), VALUES[..., :3].max(), 4095),
        (png(OPAQUE[..., 2:], 4), VALUES[..., 2].max(), 4095),
        (png(OPAQUE, 6), VALUES[..., :3].max(), 4095),
        (png(VALUES[..., :3] * 4, 2), VALUES[..., :3].max() * 4, 16383),
        (png(VALUES[..., :3] % 200, 2), (VALUES[..., :3] % 200).max(), 255),
        (tiff(VALUES, photometric=CMYK), VALUES.max(), 4095),
        (tiff(VALUES[..., :3], ">", deflate=True), VALUES[..., :3].max(), 4095),
    ],
)
def test_few_bits_without_a_range_are_refused_where_a_model_reads_them(content, high, full):
    with pytest.raises(ImageError) as error:
        decode_image(content, channels=3, needs_range=True)
    assert str(error.value) == _unclear(high, full)
    assert decode_image(content, channels=3).size == (9, 7)  # as a page shows it
    assert decode_image(content, channels=3, value_range=(0, full), needs_range=True)


def test_sixteen_bits_that_are_used_and_black_images_are_read_without_a_range():
    used = decode_image(png(VALUES[..., :3] * 16, 2), channels=3, needs_range=True)
    assert np.array_equal(np.asarray(used), (VALUES[..., :3] * 16) >> 8)
    black = decode_image(png(VALUES[..., :3] * 0, 2), channels=3, needs_range=True)
    assert black.getextrema() == ((0, 0),) * 3
