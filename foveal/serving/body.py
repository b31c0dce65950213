"""Reads request bodies: size limits, content types and multipart parts.

A body is read into memory up to a limit; the bodies of all clients together have a limit too.
Multipart is parsed without touching the disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from foveal.serving.errors import RequestError, unavailable
from foveal.serving.settings import ServerLimits
from foveal.serving.unreadable import starts_as_image
from foveal.text import printable

IMAGE_CONTENT_TYPES = (
    "application/octet-stream",
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/bmp",
    "image/gif",
    "image/tiff",
)
MULTIPART_CONTENT_TYPE = "multipart/form-data"
_FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
_DEFAULT_CONTENT_TYPES = ("", _FORM_CONTENT_TYPE)
"""What clients send when no type was set (curl --data-binary)."""
_MAX_FILENAME = 255
_MAX_SHOWN = 64


class Part(NamedTuple):
    """One part of a multipart body: a file, or a text field of the form."""

    filename: str | None
    content: bytes
    field: str = ""
    is_file: bool = True


class BodyReader:
    """Reads bodies and counts the bytes of all that are in memory."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self.buffered_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The request's whole body; it counts as buffered inside the block.

        Raises RequestError 413 over the limit, 400 on a wrong length, 415 where it is compressed,
        503 where all bodies together are over theirs.
        """
        _reject_content_encoding(request)
        content_length = self._content_length(request)
        received = 0
        chunks: list[bytes] = []
        try:
            async for chunk in request.stream():
                received += len(chunk)
                self.buffered_bytes += len(chunk)
                if received > self._limits.body_bytes:
                    raise self._too_large()
                if self.buffered_bytes > self._limits.buffered_bytes:
                    raise unavailable("too many request bodies are in memory; try again")
                chunks.append(chunk)
            if content_length is not None and received < content_length:
                raise RequestError(400, "the body is shorter than its Content-Length")
            yield b"".join(chunks) if len(chunks) != 1 else chunks[0]
        finally:
            self.buffered_bytes -= received

    def _content_length(self, request: Request) -> int | None:
        text = request.headers.get("content-length")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit()):
            raise RequestError(400, "Content-Length is not a number")
        if int(text) > self._limits.body_bytes:
            raise self._too_large()
        return int(text)

    def _too_large(self) -> RequestError:
        return RequestError(413, f"the body is larger than {self._limits.body_bytes} bytes")


def _reject_content_encoding(request: Request) -> None:
    """Reject a compressed body: it would be read as a damaged image, or grow past the limits."""
    encoding = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding not in ("", "identity"):
        raise RequestError(
            415,
            f"Content-Encoding '{_shown(encoding)}' is not supported: send the body uncompressed; "
            "image files are compressed already",
            headers={"accept-encoding": "identity"},
        )


def _shown(text: str) -> str:
    return printable(text[:_MAX_SHOWN])


def is_form(request: Request) -> bool:
    """Whether the Content-Type is that of a form without files, which curl -d sets."""
    return _content_type(request) == _FORM_CONTENT_TYPE


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def body_format(request: Request) -> Literal["image", "multipart"]:
    """The body's format by its Content-Type.  Raises RequestError 415 on any other type."""
    content_type = _content_type(request)
    if content_type == MULTIPART_CONTENT_TYPE:
        return "multipart"
    if content_type in (*IMAGE_CONTENT_TYPES, *_DEFAULT_CONTENT_TYPES):
        return "image"
    if content_type.startswith("image/"):
        return "image"
    raise RequestError(
        415,
        f"unsupported Content-Type '{_shown(content_type)}': send the bytes of one image as "
        "image/* or application/octet-stream, or several images as multipart/form-data; base64 "
        "text and data URLs have to be decoded first",
    )


def parse_multipart(body: bytes, content_type: str, max_parts: int) -> list[Part]:
    """The parts of a multipart body, in order.

    Raises RequestError 400 where it is not multipart or has no part, 413 on more than `max_parts`.
    """
    options = parse_options_header(content_type)[1]
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise RequestError(400, "the multipart Content-Type has no boundary")
    collector = _PartCollector(max_parts)
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, "the body is not valid multipart/form-data") from error
    if not collector.ended:
        raise RequestError(400, "the multipart body ends before its last boundary")
    if not collector.parts:
        raise RequestError(400, "the multipart body has no parts")
    return collector.parts


class _PartCollector:
    """Collects parts from the parser's callbacks."""

    def __init__(self, max_parts: int) -> None:
        self._max_parts = max_parts
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = self._content_type = b""
        self._chunks: list[bytes] = []
        self.parts: list[Part] = []
        self.ended = False

    def callbacks(self) -> dict[str, object]:
        """The functions the parser calls, by its event names."""
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        if len(self.parts) == self._max_parts:
            raise RequestError(413, f"the multipart body has more than {self._max_parts} parts")
        self._disposition, self._content_type, self._chunks = b"", b"", []

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        name = bytes(self._header_name).lower()
        if name == b"content-disposition":
            self._disposition = bytes(self._header_value)
        elif name == b"content-type":
            self._content_type = bytes(self._header_value).strip().lower()
        self._header_name, self._header_value = bytearray(), bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._chunks.append(data[start:end])

    def _on_part_end(self) -> None:
        options = parse_options_header(self._disposition)[1]
        raw = options.get(b"filename")
        filename = raw.decode("utf-8", "replace")[:_MAX_FILENAME] if raw is not None else None
        field = options.get(b"name", b"").decode("utf-8", "replace")[:_MAX_SHOWN]
        content = b"".join(self._chunks)
        self.parts.append(Part(filename, content, field, self._is_file(filename, content)))

    def _is_file(self, filename: str | None, content: bytes) -> bool:
        """A part with a file name or an image's type or start; an empty file input is none."""
        if filename is None:
            is_image = self._content_type.startswith((b"image/", b"application/octet-stream"))
            return is_image or starts_as_image(content)
        return bool(filename or content)

    def _on_end(self) -> None:
        self.ended = True
