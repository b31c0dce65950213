"""Reads what a client sends: a bounded body, and the images in it.

Knows nothing of models. A body is read into memory up to a bound; bodies of all clients together
have one too. Multipart is taken apart without touching the disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from foveal.serving.errors import RequestError, busy
from foveal.serving.settings import ServerLimits

RAW = (
    "application/octet-stream",
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/bmp",
    "image/gif",
    "image/tiff",
)
MULTIPART = "multipart/form-data"
_UNSAID = ("", "application/x-www-form-urlencoded")
"""What clients send that do not say what they send (curl --data-binary)."""

Part = tuple[str | None, bytes]
"""A part's file name, if it has one, and its bytes."""


class BodyReader:
    """Counts the bytes of all bodies held at one time."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self.bytes = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The request's whole body; while in the block it counts as held.

        Raises Failure 413 over the bound, 400 on a bad length, 503 where too much is held.
        """
        announced = self._announced(request)
        taken = 0
        pieces: list[bytes] = []
        try:
            async for piece in request.stream():
                taken += len(piece)
                self.bytes += len(piece)
                if taken > self._limits.body_bytes:
                    raise self._too_large()
                if self.bytes > self._limits.buffered_bytes:
                    raise busy("too many bytes are being received; try again")
                pieces.append(piece)
            if announced is not None and taken < announced:
                raise RequestError(400, "the body is shorter than its Content-Length")
            yield b"".join(pieces) if len(pieces) != 1 else pieces[0]
        finally:
            self.bytes -= taken

    def _announced(self, request: Request) -> int | None:
        text = request.headers.get("content-length")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit()):
            raise RequestError(400, "Content-Length is not a number")
        if int(text) > self._limits.body_bytes:
            raise self._too_large()
        return int(text)

    def _too_large(self) -> RequestError:
        return RequestError(413, f"the body is over {self._limits.body_bytes} bytes")


def kind(request: Request) -> str:
    """`raw` or `multipart`, by the Content-Type.  Raises Failure 415 on anything else."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given == MULTIPART:
        return "multipart"
    if given in RAW or given in _UNSAID or given.startswith("image/"):
        return "raw"
    raise RequestError(
        415,
        "this Content-Type is not taken: send an image's bytes as image/* or "
        "application/octet-stream, or several as multipart/form-data",
    )


def parts(body: bytes, content_type: str, most: int) -> list[Part]:
    """The parts of a multipart body, in order.

    Raises Failure 400 where it is not multipart or holds nothing, 413 on more than `most` parts.
    """
    options = parse_options_header(content_type)[1]
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise RequestError(400, "the multipart Content-Type has no boundary")
    reader = _Reader(body, most)
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, "the body is not valid multipart/form-data") from error
    if not reader.ended:
        raise RequestError(400, "the multipart body ends before its last boundary")
    if not reader.parts:
        raise RequestError(400, "the multipart body holds no image")
    return reader.parts


class _Reader:
    """Gathers what the multipart parser calls out."""

    def __init__(self, body: bytes, most: int) -> None:
        self._most = most
        self._name, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._pieces: list[bytes] = []
        self._body = body
        self.parts: list[Part] = []
        self.ended = False

    def callbacks(self) -> dict[str, object]:
        """What the parser is to call."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.parts) == self._most:
            raise RequestError(413, f"the multipart body holds more than {self._most} parts")
        self._disposition, self._pieces = b"", []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _end(self) -> None:
        options = parse_options_header(self._disposition)[1]
        name = options.get(b"filename")
        text = name.decode("utf-8", "replace")[:255] if name is not None else None
        self.parts.append((text, b"".join(self._pieces)))

    def _finish(self) -> None:
        self.ended = True
