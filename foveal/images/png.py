"""The commonest PNG file, 8-bit grey or colour and nothing besides, decoded without detours.

Knows nothing of any other file: what is unusual in the least is left to Pillow's own reader.

Pillow's reader asks every plugin and builds a stream for each file, which takes four times as
long as inflating a small image; here its C decoder is handed the pixel data at once, so the
pixels are the same.
"""

from __future__ import annotations

import struct
import zlib

from PIL import Image

MOST_BYTES = 2**18
"""Larger files gain nothing."""
_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_HEADER = struct.Struct(">16s2I5B")
_CHUNK = struct.Struct(">I4s")
_MODES = {0: "L", 2: "RGB"}
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_HARMLESS = {b"gAMA": 4, b"sRGB": 1, b"pHYs": 9, b"cHRM": 32, b"tIME": 7}
"""Chunks that change no pixel, with their length; they must stand before the pixels."""


def simple(content: bytes, most_pixels: int) -> Image.Image | None:
    """The image, mode L or RGB, as Pillow would read it; None where Pillow has to be asked.

    That is for every file with anything wrong or uncommon: it then has Pillow's verdict.
    """
    if not content.startswith(_START) or not 57 <= len(content) <= MOST_BYTES:
        return None
    _, width, height, depth, colour, packing, filters, interlace = _HEADER.unpack_from(content)
    mode = _MODES.get(colour)
    usual = depth == 8 and not packing and not filters and not interlace
    if mode is None or not usual or not 0 < width * height <= most_pixels:
        return None
    packed = _packed(content)
    if packed is None:
        return None
    try:
        return Image.frombytes(mode, (width, height), packed, "zip", mode, 0)
    except (ValueError, OSError):
        return None


def _packed(content: bytes) -> bytes | None:
    """The pixel data of all its chunks; None where another chunk, order or length is met."""
    if not _sound(content, 8, 13):
        return None
    found: list[bytes] = []
    place = 33
    while place + 12 <= len(content):
        length, kind = _CHUNK.unpack_from(content, place)
        end = place + 12 + length
        if kind == b"IDAT" and end < len(content):
            found.append(content[place + 8 : end - 4])
        elif kind == b"IEND":
            return b"".join(found) if found and content[place:] == _END else None
        elif found or _HARMLESS.get(kind) != length or not _sound(content, place, length):
            return None
        place = end
    return None


def _sound(content: bytes, place: int, length: int) -> bool:
    """Whether the chunk's checksum is right."""
    end = place + 8 + length
    return zlib.crc32(content[place + 4 : end]).to_bytes(4) == content[end : end + 4]
