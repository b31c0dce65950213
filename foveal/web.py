"""Reads files of web servers: http:// and https:// only, also where a server redirects."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from foveal.errors import ImageError
from foveal.text import printable

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse
    from urllib.request import OpenerDirector, Request

RECEIVE_SECONDS = 30
"""Longest wait for the next bytes."""
SCHEMES = ("http", "https")
_MAX_SIZE_DIGITS = 18  # more bytes than any disk has


def describe(address: str) -> tuple[int, str]:
    """The size of a file in bytes, and text that changes when its content does.

    Raises OSError where the server does not answer or refuses, ImageError for a redirect to
    anything else than the web; the same is true of `read`.  ImageError also for a size that is no
    number.
    """
    with _open(address, "HEAD", {}) as answer:
        size = _size_of(answer.headers.get("Content-Length") or "0")
        changed = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    return size, f"{size}:{changed}"


def _size_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_SIZE_DIGITS):
        raise ImageError(f"the server says that its size is '{printable(text[:40])}' bytes")
    return int(text)


def read(address: str, start: int | None, count: int) -> bytes:
    """`count` bytes of a file from its beginning, or of the part that begins at `start`."""
    headers = {} if start is None else {"Range": f"bytes={start}-{start + count - 1}"}
    try:
        opened = _open(address, "GET", headers)
    except OSError as error:
        if start is not None and status_of(error) == 416:
            return b""  # behind the end of the file
        raise
    with opened as answer:
        if start and answer.status != 206:
            raise ImageError("the server sends no parts of files: download it")
        length = answer.length
        content = bytes(answer.read(count))
    if length is not None and len(content) < min(length, count):
        raise OSError(f"the content ends after {len(content):,} of {length:,} bytes")
    return content


def status_of(error: Exception) -> int | None:
    """The status of an answer of the web, an HTTPError, else None."""
    return getattr(error, "code", None) if isinstance(error, OSError) else None


def _open(address: str, method: str, headers: Mapping[str, str]) -> HTTPResponse:
    from urllib.error import HTTPError  # here, as urllib takes 8 % of the start of a worker process
    from urllib.request import Request

    request = Request(address, headers=dict(headers), method=method)  # noqa: S310 - of the web
    try:
        answer: HTTPResponse = _opener().open(request, timeout=RECEIVE_SECONDS)
    except HTTPError as error:
        error.close()
        raise
    return answer


@functools.cache
def _opener() -> OpenerDirector:
    from urllib import request

    class WebOnly(request.HTTPRedirectHandler):
        """Follows a redirect to another address of the web; urllib alone would also use FTP."""

        def redirect_request(
            self,
            req: Request,
            fp: IO[bytes],
            code: int,
            msg: str,
            headers: HTTPMessage,
            newurl: str,
        ) -> Request | None:
            """The request to follow; raises ImageError for another scheme."""
            fp.close()  # its body, of any length, would be read
            scheme = newurl.partition(":")[0].lower()
            if scheme not in SCHEMES:
                raise ImageError(f"the server redirects to {scheme}://, which is not followed")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return request.build_opener(WebOnly)
