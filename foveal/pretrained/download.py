"""Downloads one known file over HTTPS: size and SHA-256 are checked before anything reads it.

A connection that ends early leaves what came; the next try asks for the rest only.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from foveal.errors import Error
from foveal.progress import Progress, silent

TIMEOUT_SECONDS = 30.0
"""Longest wait for an answer and for the next bytes."""
_BLOCK_BYTES = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_RETRY = "run the command again to continue where it stopped"


class DownloadError(Error):
    """A file could not be downloaded, or is not the one that was asked for."""


def download(
    address: str,
    path: Path,
    *,
    size_bytes: int,
    sha256: str,
    progress: Progress = silent,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """Download `address` to `path`, which holds the whole, checked file afterwards.

    The bytes come into `path` with `.part` behind its name, which is continued where it exists.
    Raises DownloadError: no connection, redirect to another host or scheme, another size or
    SHA-256, no room on the disk.
    """
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_room(part, size_bytes)
    if _size(part) > size_bytes:
        part.unlink()
    if _size(part) < size_bytes:
        with _connection_errors(address, timeout_seconds):
            _fetch(address, part, size_bytes, progress, timeout_seconds)
    received = _size(part)
    if received < size_bytes:
        raise DownloadError(
            f"the connection to {_host(address)} ended after {received:,} of {size_bytes:,} bytes; "
            f"{_RETRY}"
        )
    _check_sha256(part, address, sha256)
    part.replace(path)


def _fetch(
    address: str, part: Path, size_bytes: int, progress: Progress, timeout_seconds: float
) -> None:
    have = _size(part)
    headers = {"Accept-Encoding": "identity", "User-Agent": "foveal"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - https or a test's own
    opener = urllib.request.build_opener(_SameHost())
    with opener.open(request, timeout=timeout_seconds) as response:
        have = _start(response, have, size_bytes, address)
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            _copy(response, file, have, size_bytes, address, progress)


def _start(response: Any, have: int, size_bytes: int, address: str) -> int:
    """Where the server starts: at `have`, or at 0 where it sends everything; checks the length."""
    total = response.headers.get("Content-Length")
    start = 0
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range") or "")
        if match is None or int(match[1]) != have:
            raise DownloadError(
                f"{_host(address)} sent another part of the file than was asked for; {_RETRY}"
            )
        start, total = have, match[2]
    if total is not None and (not total.isdecimal() or int(total) != size_bytes):
        raise DownloadError(
            f"{_host(address)} says that the file has {total} bytes, the published one has "
            f"{size_bytes:,}; nothing was kept"
        )
    return start


def _copy(
    response: Any,
    file: BinaryIO,
    have: int,
    size_bytes: int,
    address: str,
    progress: Progress,
) -> None:
    what = f"downloading from {_host(address)}"
    while block := response.read(min(_BLOCK_BYTES, size_bytes - have + 1)):
        have += len(block)
        if have > size_bytes:
            file.truncate(0)
            raise DownloadError(
                f"{_host(address)} sent more than the {size_bytes:,} bytes of the published file; "
                "nothing was kept"
            )
        file.write(block)
        progress(what, have, size_bytes, f"{have / 1e6:.0f} of {size_bytes / 1e6:.0f} MB")
    file.flush()
    os.fsync(file.fileno())


def _check_sha256(part: Path, address: str, sha256: str) -> None:
    with part.open("rb") as file:
        received = hashlib.file_digest(file, "sha256").hexdigest()
    if received != sha256:
        part.unlink()
        raise DownloadError(
            f"what {_host(address)} sent is not the published file: its SHA-256 is "
            f"{received} and must be {sha256}; nothing was kept"
        )


def _check_room(part: Path, size_bytes: int) -> None:
    needed = size_bytes - _size(part)
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise DownloadError(
            f"{part.parent} has {free:,} bytes free and the download needs {needed:,}; free some, "
            "or set FOVEAL_CACHE to a larger disk"
        )


@contextlib.contextmanager
def _connection_errors(address: str, timeout_seconds: float) -> Iterator[None]:
    """Turns what the network and the disk raise into one sentence."""
    host = _host(address)
    try:
        yield
    except DownloadError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{host} answered {error.code} for {address}; try later") from error
    except (TimeoutError, urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise DownloadError(
                f"{host} did not answer for {timeout_seconds:g} s; {_RETRY}"
            ) from error
        if isinstance(reason, OSError) and reason.errno == errno.ENOSPC:
            raise DownloadError(
                "the disk is full; free some space, or set FOVEAL_CACHE to a larger disk, and run "
                "the command again"
            ) from error
        raise DownloadError(
            f"cannot download from {host}: {reason or type(error).__name__}; check the network "
            "connection"
        ) from error


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the same scheme, host and port only."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request to follow; raises DownloadError for another scheme or host."""
        fp.close()  # its body, of any length, would be read
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            raise DownloadError(
                f"{_host(req.full_url)} redirects to {new.scheme}://{new.netloc}, which is not "
                "followed; nothing was kept"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
