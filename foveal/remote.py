"""Reads files at addresses: s3://bucket/a.jpg through fsspec, https:// without a package."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast

from foveal import web
from foveal.errors import DataError, ImageError, MissingExtra
from foveal.text import reason_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PROTOCOLS = ("s3", "gs", "gcs", "az", "abfs", "abfss", "hf", "http", "https")
"""What an address may begin with; none of them reads a file of this machine."""
ATTEMPTS = 4
"""How often a request is tried that fails for another reason than its address or credentials."""
FIRST_PAUSE_SECONDS = 0.5
"""Before the second attempt; each later pause is twice as long."""
NOTHING_THERE = "nothing is at this address"
ACCESS_REFUSED, NO_ANSWER = "access is refused", "no answer after"
STORE_REASONS = (
    NOTHING_THERE,
    ACCESS_REFUSED,
    NO_ANSWER,
    "no credentials are set",
    "not answered whole within",
    "the server answers",
)
"""How the reasons begin that lie in a store or the way to it, not in what it holds."""
CONNECT_SECONDS = 10
READ_SECONDS, LIST_SECONDS = 600.0, 3600.0
"""Of one request in all: a server that sends a byte now and then is not waited for without end."""
_RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)

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
            size, stamp = with_retries(partial(web.describe, address), READ_SECONDS)
            return [RemoteFile(address, size, stamp)]
        found = list_stored(address)
    except ImageError as error:
        raise DataError(f"{address} cannot be listed: {error.reason}") from error
    if not found:
        raise DataError(f"nothing is at {address}; check the address")
    return found


def list_stored(address: str, what: str = "reading") -> list[RemoteFile]:
    """The files of a store below an address, also none; raises as `open_store` does."""
    store, path = open_store(address, what)
    found = with_retries(partial(_list, store, path), LIST_SECONDS)
    return [_describe(store.unstrip_protocol(name), found[name]) for name in sorted(found)]


def read_address(address: str, max_bytes: int) -> bytes:
    """The content of a file, at most max_bytes and one byte more.

    Raises ImageError where it does not exist, may not be read or the store does not answer after
    some attempts, MissingExtra without fsspec.
    """
    if is_web(address):
        return with_retries(partial(web.read, address, None, max_bytes + 1), READ_SECONDS)
    store, path = open_store(address)
    return with_retries(partial(_read, store, path, 0, max_bytes + 1), READ_SECONDS)


def read_range(address: str, start: int, count: int) -> bytes:
    """`count` bytes of a file from `start` on, fewer where it ends; raises as `read_address`."""
    if count <= 0:
        return b""
    if is_web(address):
        return with_retries(partial(web.read, address, start, count), READ_SECONDS)
    store, path = open_store(address)
    return with_retries(partial(_read, store, path, start, count), READ_SECONDS)


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


def _read(store: AbstractFileSystem, path: str, start: int, count: int) -> bytes:
    try:
        return bytes(store.cat_file(path, start=start, end=start + count))
    except OSError as error:
        if error.errno == errno.EINVAL and store.size(path) <= start:
            return b""  # a range behind the end of a file is an error of the request
        raise


def open_store(address: str, what: str = "reading") -> tuple[AbstractFileSystem, str]:
    """The store of an address and the path in it, for requests `with_retries`.

    Raises ImageError where it is no such address, MissingExtra without fsspec to do `what`.
    """
    if find_spec("fsspec") is None:
        raise MissingExtra(f"{what} {address}", "cloud")
    from fsspec.core import url_to_fs

    protocol = address.partition("://")[0]
    limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": web.RECEIVE_SECONDS}
    settings = {"config_kwargs": {**limits, "retries": {"max_attempts": 1}}}
    try:
        store, path = url_to_fs(address, **(settings if protocol == "s3" else {}))
    except ImportError as error:
        package = getattr(error.__cause__, "name", None)
        way_out = f"the package {package}: type  pip install {package}" if package else error
        raise ImageError(f"addresses with {protocol}:// need {way_out}") from error
    except (ValueError, OSError) as error:
        raise ImageError(f"not an address of a file: {reason_of(error)}") from error
    return store, path


def with_retries(request: Callable[[], _Result], seconds: float | None = None) -> _Result:
    """The result of a request that is tried up to ATTEMPTS times, with pauses that double.

    seconds: that it may take in all; None: any.  Raises ImageError with the reason where it fails
    for good.
    """
    end = None if seconds is None else time.monotonic() + seconds
    for attempt in range(ATTEMPTS):
        try:
            return request() if end is None else _call_until(end, request)
        except _TooSlow as error:
            raise ImageError(f"not answered whole within {seconds:g} s") from error
        except ImageError:
            raise
        except Exception as error:  # each store has exceptions of its own
            reason = _final_reason(error)
            if reason is None and attempt + 1 == ATTEMPTS:
                reason = f"{NO_ANSWER} {ATTEMPTS} attempts: {reason_of(error)}"
            if reason is not None:
                raise ImageError(reason) from error
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


class _TooSlow(Exception):
    """The time of a request is over."""


def _call_until(end: float, request: Callable[[], _Result]) -> _Result:
    """The result of a request; raises _TooSlow at `end`, a monotonic time, and leaves it to itself.

    The waiting inside libraries begins again with every byte, so it is done in a thread.
    """
    finished: SimpleQueue[tuple[_Result | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            finished.put((request(), None))
        except BaseException as error:
            finished.put((None, error))

    threading.Thread(target=run, name="request", daemon=True).start()
    try:
        result, error = finished.get(timeout=max(0.0, end - time.monotonic()))
    except Empty:
        raise _TooSlow from None
    if error is not None:
        raise error
    return cast("_Result", result)


def _final_reason(error: Exception) -> str | None:
    """Why another attempt is useless; None for a failure that may pass."""
    status = web.status_of(error)
    if isinstance(error, FileNotFoundError | IsADirectoryError) or status in (404, 410):
        return NOTHING_THERE
    if type(error).__name__ == "NoCredentialsError":
        return "no credentials are set for this store"
    if isinstance(error, PermissionError) or status in (401, 403):
        return f"{ACCESS_REFUSED}: {reason_of(error)}"
    if status is not None:
        return None if status in _RETRIED_STATUSES else f"the server answers {reason_of(error)}"
    useless = isinstance(error, ValueError | TypeError) or (
        isinstance(error, OSError) and error.errno == errno.EINVAL
    )
    if useless or type(error).__name__ == "ParamValidationError":
        return f"not an address of a file: {reason_of(error)}"
    return None
