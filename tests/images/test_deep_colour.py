"""Both halves of 16 bits a colour channel, in the ways files store them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from foveal.images.decode import decode_array, open_image
from foveal.images.deep_colour import has_deep_colour, join_bytes, read_lower_bytes

VALUES = np.random.default_rng(0).integers(0, 4096, (7, 9, 3)).astype(np.uint16)


def tiff(order: str, compression: int) -> bytes:
    data = VALUES.astype(order + "u2").tobytes()
    data = zlib.compress(data) if compression == 8 else data
    height, width, channels = VALUES.shape
    bits = struct.pack(order + "3H", 16, 16, 16)
    entries = {256: width, 257: height, 259: compression, 262: 2, 273: 8, 277: channels}
    entries |= {278: height, 279: len(data)}
    directory = [struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries.items()]
    directory.append(struct.pack(order + "HHII", 258, 3, 3, 8 + len(data)))
    directory.sort(key=lambda entry: struct.unpack(order + "H", entry[:2]))
    mark = b"II*\0" if order == "<" else b"MM\0*"
    start = 8 + len(data) + len(bits)
    count = struct.pack(order + "H", len(directory))
    head = mark + struct.pack(order + "I", start) + data + bits
    return head + count + b"".join(directory) + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
def test_both_halves_of_a_tiff_are_read(order, compression):
    content = tiff(order, compression)
    image = open_image(content)
    assert has_deep_colour(image)
    lower = read_lower_bytes(image)
    image.load()
    assert np.array_equal(join_bytes(np.asarray(image), lower), VALUES)
    pixels = decode_array(content, channels=3, value_range=(0, 4095))
    assert np.array_equal(pixels, np.round(VALUES * (255 / 4095)))
    assert np.array_equal(decode_array(content, channels=3), VALUES >> 8)
