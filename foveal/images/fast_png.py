"""A fast path for plain PNG files: 8-bit grey or RGB without optional features.

Pillow's reader tries its plugins and builds a stream for each file, which takes four times as
long as inflating a small image. Here Pillow's C decoder gets the pixel data directly, so the
pixels are the same: 23 microseconds instead of 53 for 28x28 pixels (n=9, one core of a Xeon). Every
other file is left to Pillow's reader.
"""

from __future__ import annotations

import struct
import zlib

from PIL import Image

MAX_FAST_BYTES = 2**18
"""Larger files are not read faster this way."""
MAX_FAST_PIXELS = 8_000_000
"""Larger images are counted by `memory`, which needs their header first."""
_SIGNATURE_AND_IHDR = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_HEADER = struct.Struct(">16s2I5B")
_CHUNK = struct.Struct(">I4s")
_MODES = {0: "L", 2: "RGB"}
_FIRST_CHUNK = 33
"""Where the first chunk after IHDR starts."""
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_IGNORED_CHUNKS = {b"gAMA": 4, b"sRGB": 1, b"pHYs": 9, b"cHRM": 32, b"tIME": 7}
"""Chunks that change no pixel, with their length in bytes; allowed before the pixel data."""


def read_simple_png(content: bytes) -> Image.Image | None:
    """The image, mode L or RGB, as Pillow would read it; None for a file left to Pillow.

    These are damaged files, PNG files with other features, and those beyond the two limits.
    """
    if not content.startswith(_SIGNATURE_AND_IHDR) or not 57 <= len(content) <= MAX_FAST_BYTES:
        return None
    _, width, height, depth, colour, *optional = _HEADER.unpack_from(content)
    mode = _MODES.get(colour)
    if mode is None or depth != 8 or any(optional) or not 0 < width * height <= MAX_FAST_PIXELS:
        return None
    compressed = _compressed_pixels(content)
    if compressed is None:
        return None
    try:
        return Image.frombytes(mode, (width, height), compressed, "zip", mode, 0)
    except (ValueError, OSError):
        return None


def _compressed_pixels(content: bytes) -> bytes | None:
    """The joined IDAT data; None for other chunks than the allowed, their order or length."""
    if not _checksum_matches(content, 8, 13):
        return None
    parts: list[bytes] = []
    start = _FIRST_CHUNK
    while start + 12 <= len(content):
        length, kind = _CHUNK.unpack_from(content, start)
        end = start + 12 + length
        if kind == b"IDAT" and end < len(content):
            parts.append(content[start + 8 : end - 4])
        elif kind == b"IEND":
            return b"".join(parts) if parts and content[start:] == _END else None
        elif (
            parts
            or _IGNORED_CHUNKS.get(kind) != length
            or not _checksum_matches(content, start, length)
        ):
            return None
        start = end
    return None


def _checksum_matches(content: bytes, start: int, length: int) -> bool:
    """Whether the CRC-32 of the chunk at `start` is correct."""
    end = start + 8 + length
    return zlib.crc32(content[start + 4 : end]).to_bytes(4) == content[end : end + 4]
