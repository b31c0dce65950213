"""Says what a body is that is no image: text, JSON, an address, or an image damaged on its way."""

from __future__ import annotations

import base64
import binascii
import re

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_BASE64_START = re.compile(rb"[A-Za-z0-9+/_-]{16}")
_ADDRESS = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,20}://")
_DAMAGED_AS_TEXT = (
    "damaged on its way: line ends were removed or changed, as curl -d does; send it with "
    "curl --data-binary @FILE"
)
_MIN_BYTES_WITH_LINE_ENDS = 512
"""An image file of this size has a byte that means the end of a line, unless they were removed."""


def starts_as_image(content: bytes) -> bool:
    """Whether the first bytes are those of an image format; the rest may be damaged."""
    return content.startswith(_IMAGE_STARTS) or content[4:8] == b"ftyp"


def has_lost_line_ends(content: bytes) -> bool:
    """Whether all line ends of a body are gone, as `curl -d @FILE` removes them."""
    return len(content) >= _MIN_BYTES_WITH_LINE_ENDS and _is_one_line(content)


def unreadable_reason(content: bytes, reason: str, *, form: bool = False) -> str:
    """Why `content` could not be read as an image, and what to send instead.

    reason: of the decoder; it stays where nothing better is known.  form: whether the body came
    as application/x-www-form-urlencoded.
    """
    start = content[:64].lstrip()
    if start[:5].lower() == b"data:":
        return (
            "a data URL, not an image: decode the base64 text behind its comma and send the bytes"
        )
    if _ADDRESS.match(start):
        return "an address, not an image: the server never fetches one; send the image's bytes"
    if start.startswith((b"{", b"[")):
        return "JSON, not an image: send the image's bytes; base64 text has to be decoded first"
    if start.startswith(b"\x1f\x8b"):
        return "a gzip file, not an image: send the image uncompressed"
    if start.startswith(b"\x89PNG") and not start.startswith(_PNG_SIGNATURE):
        return _DAMAGED_AS_TEXT
    if _is_base64_image(start):
        return "base64 text, not an image: decode it and send the bytes"
    if form and (
        has_lost_line_ends(content) or (starts_as_image(content) and _is_one_line(content))
    ):
        return _DAMAGED_AS_TEXT
    if form and not starts_as_image(content):
        return f"{reason}; the body came as a form: send the image's bytes"
    return reason


def _is_one_line(content: bytes) -> bool:
    return b"\n" not in content and b"\r" not in content


def _is_base64_image(start: bytes) -> bool:
    if not _BASE64_START.match(start):
        return False
    try:
        decoded = base64.b64decode(start[:16].replace(b"-", b"+").replace(b"_", b"/"))
    except binascii.Error:
        return False
    return starts_as_image(decoded)
