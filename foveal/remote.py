"""Reads files at addresses: s3://bucket/a.jpg through fsspec, https:// without a package."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from foveal.errors import DataError, ImageError, MissingExtra

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from fsspec import AbstractFileSystem

PROTOCOLS = ("s3", "gs", "gcs", "az", "abfs", "abfss", "hf", "http", "https")
"""What an address may begin with; none of them reads a file of this machine."""
ATTEMPTS = 4
"""How often a request is tried that fails for another reason than its address or credentials."""
FIRST_PAUSE_SECONDS = 0.5
"""Before the second attempt; each later pause is twice as long."""
NOTHING_THERE = "nothing is at this address"
CONNECT_SECONDS = 10
RECEIVE_SECONDS = 30
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address; stamp: text that changes when its content does."""

    address: str
    size: int
    stamp: str


def is_remote(path: str) -> bool:
    """Whether it is an address that can be read here, where its package is installed."""
    return path.partition("://")[0] in PROTOCOLS and "://" in path


def is_web(address: str) -> bool:
    """Whether it is an address of the web, where files cannot be listed or written."""
    return address.startswith(("http://", "https://"))


def address_of(path: str | os.PathLike[str]) -> str | None:
    """The address that a path is, also one whose slashes `Path` has joined (s3:/bucket)."""
    text = os.fspath(path)
    protocol, colon, rest = text.partition(":/")
    if not colon or protocol not in PROTOCOLS:
        return None
    return f"{protocol}://{rest.removeprefix('/')}"


def list_addresses(address: str) -> list[str]:
    """All files below an address or that match its pattern, sorted; of a file itself.

    An address of the web is one file: servers list nothing.  Raises DataError where nothing is
    there or the store does not answer, MissingExtra without fsspec.
    """
    if is_web(address):
        return [address]
    return [file.address for file in list_remote_files(address)]


def list_remote_files(address: str) -> list[RemoteFile]:
    """The same files with their sizes and stamps; raises as `list_addresses` does."""
    try:
        if is_web(address):
            return [with_retries(partial(_describe_web, address))]
        found = list_stored(address)
    except ImageError as error:
        raise DataError(f"{address} cannot be listed: {error.reason}") from error
    if not found:
        raise DataError(f"nothing is at {address}; check the address")
    return found


def list_stored(address: str, what: str = "reading") -> list[RemoteFile]:
    """The files of a store below an address, also none; raises as `open_store` does."""
    store, path = open_store(address, what)
    found = with_retries(partial(_list, store, path))
    return [_describe(store.unstrip_protocol(name), found[name]) for name in sorted(found)]


def read_address(address: str, max_bytes: int) -> bytes:
    """The content of a file, at most max_bytes and one byte more.

    Raises ImageError where it does not exist, may not be read or the store does not answer after
    some attempts, MissingExtra without fsspec.
    """
    if is_web(address):
        return with_retries(partial(_read_web, address, None, max_bytes + 1))
    store, path = open_store(address)
    return with_retries(partial(_read, store, path, 0, max_bytes + 1))


def read_range(address: str, start: int, count: int) -> bytes:
    """`count` bytes of a file from `start` on, fewer where it ends; raises as `read_address`."""
    if count <= 0:
        return b""
    if is_web(address):
        return with_retries(partial(_read_web, address, start, count))
    store, path = open_store(address)
    return with_retries(partial(_read, store, path, start, count))


def _list(store: AbstractFileSystem, path: str) -> dict[str, dict[str, Any]]:
    """What the store says of every file."""
    store.invalidate_cache()
    is_pattern = any(letter in path for letter in "*?[")
    found = store.glob(path, detail=True) if is_pattern else store.find(path, detail=True)
    return {
        name: about
        for name, about in found.items()
        if not name.endswith("/") and about.get("type") != "directory"
    }


def _describe(address: str, about: dict[str, Any]) -> RemoteFile:
    size = int(about.get("size") or 0)
    changed = (about.get(key) for key in ("ETag", "etag", "md5Hash", "LastModified", "mtime"))
    return RemoteFile(address, size, f"{size}:{next(filter(None, changed), '')}")


def _describe_web(address: str) -> RemoteFile:
    with _open_web(address, "HEAD", {}) as answer:
        size = int(answer.headers.get("Content-Length") or 0)
        changed = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    return RemoteFile(address, size, f"{size}:{changed}")


def _read(store: AbstractFileSystem, path: str, start: int, count: int) -> bytes:
    try:
        return bytes(store.cat_file(path, start=start, end=start + count))
    except OSError as error:
        if error.errno == errno.EINVAL and store.size(path) <= start:
            return b""  # a range behind the end of a file is an error of the request
        raise


def _read_web(address: str, start: int | None, count: int) -> bytes:
    """`count` bytes of a file from its beginning, or of the part that begins at `start`."""
    headers = {} if start is None else {"Range": f"bytes={start}-{start + count - 1}"}
    try:
        opened = _open_web(address, "GET", headers)
    except OSError as error:
        if start is not None and _status(error) == 416:
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


def _open_web(address: str, method: str, headers: Mapping[str, str]) -> HTTPResponse:
    from urllib.error import HTTPError  # here, as urllib takes 8 % of the start of a worker process
    from urllib.request import Request, urlopen

    request = Request(address, headers=dict(headers), method=method)  # noqa: S310 - of the web
    try:
        answer: HTTPResponse = urlopen(request, timeout=RECEIVE_SECONDS)  # noqa: S310
    except HTTPError as error:
        error.close()
        raise
    return answer


def _status(error: Exception) -> int | None:
    """The status of an answer of the web, an HTTPError, else None."""
    return getattr(error, "code", None) if isinstance(error, OSError) else None


def open_store(address: str, what: str = "reading") -> tuple[AbstractFileSystem, str]:
    """The store of an address and the path in it, for requests `with_retries`.

    Raises ImageError where it is no such address, MissingExtra without fsspec to do `what`.
    """
    if find_spec("fsspec") is None:
        raise MissingExtra(f"{what} {address}", "cloud")
    from fsspec.core import url_to_fs

    protocol = address.partition("://")[0]
    limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": RECEIVE_SECONDS}
    settings = {"config_kwargs": {**limits, "retries": {"max_attempts": 1}}}
    try:
        store, path = url_to_fs(address, **(settings if protocol == "s3" else {}))
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or error
        raise ImageError(
            f"addresses with {protocol}:// need a package that is not installed: {package}"
        ) from error
    except (ValueError, OSError) as error:
        raise ImageError(f"not an address of a file: {_reason(error)}") from error
    return store, path


def with_retries(request: Callable[[], _Result]) -> _Result:
    """The result of a request that is tried up to ATTEMPTS times, with pauses that double.

    Raises ImageError with the reason where it fails for good.
    """
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except ImageError:
            raise
        except Exception as error:  # each store has exceptions of its own
            reason = _final_reason(error)
            if reason is None and attempt + 1 == ATTEMPTS:
                reason = f"no answer after {ATTEMPTS} attempts: {_reason(error)}"
            if reason is not None:
                raise ImageError(reason) from error
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _final_reason(error: Exception) -> str | None:
    """Why another attempt is useless; None for a failure that may pass."""
    status = _status(error)
    if isinstance(error, FileNotFoundError | IsADirectoryError) or status in (404, 410):
        return NOTHING_THERE
    if type(error).__name__ == "NoCredentialsError":
        return "no credentials are set for this store"
    if isinstance(error, PermissionError) or status in (401, 403):
        return f"access is refused: {_reason(error)}"
    if status is not None:
        return None if status in _PASSING_STATUSES else f"the server answers {_reason(error)}"
    useless = isinstance(error, ValueError | TypeError) or (
        isinstance(error, OSError) and error.errno == errno.EINVAL
    )
    if useless or type(error).__name__ == "ParamValidationError":
        return f"not an address of a file: {_reason(error)}"
    return None


def _reason(error: Exception) -> str:
    """What an error of a library says, on one line, or its type."""
    return " ".join(str(error).split())[:200] or type(error).__name__
