"""Files at addresses: s3://bucket/a.jpg and the like through fsspec, https:// without a package."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar
from urllib.error import HTTPError
from urllib.request import urlopen

from foveal.errors import DataError, ImageError, MissingExtra

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PROTOCOLS = ("s3", "gs", "gcs", "az", "abfs", "abfss", "hf", "http", "https")
"""What an address may begin with; none of them reads a file of this machine."""
ATTEMPTS = 4
"""How often a request is tried that fails for another reason than its address or credentials."""
FIRST_PAUSE_SECONDS = 0.5
"""Before the second attempt; each later pause is twice as long."""
CONNECT_SECONDS = 10
RECEIVE_SECONDS = 30
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)
_WEB = ("http://", "https://")

_Result = TypeVar("_Result")


def is_remote(path: str) -> bool:
    """Whether it is an address that can be read here, where its package is installed."""
    return path.partition("://")[0] in PROTOCOLS and "://" in path


def list_addresses(address: str) -> list[str]:
    """All files below an address or that match its pattern, sorted; of a file itself.

    An address of the web is one file: servers list nothing.  Raises DataError where nothing is
    there or the store does not answer, MissingExtra without fsspec.
    """
    if address.startswith(_WEB):
        return [address]
    try:
        store, path = _open_store(address)
        found = _with_retries(partial(_list, store, path))
    except ImageError as error:
        raise DataError(f"{address} cannot be listed: {error.reason}") from error
    if not found:
        raise DataError(f"nothing is at {address}; check the address")
    return [store.unstrip_protocol(name) for name in found]


def read_address(address: str, max_bytes: int) -> bytes:
    """The content of a file, at most max_bytes and one byte more.

    Raises ImageError where it does not exist, may not be read or the store does not answer after
    some attempts, MissingExtra without fsspec.
    """
    if address.startswith(_WEB):
        return _with_retries(partial(_read_web, address, max_bytes + 1))
    store, path = _open_store(address)
    return _with_retries(partial(_read, store, path, max_bytes + 1))


def _list(store: AbstractFileSystem, path: str) -> list[str]:
    store.invalidate_cache()
    names = store.glob(path) if any(letter in path for letter in "*?[") else store.find(path)
    return sorted(name for name in names if not name.endswith("/"))


def _read(store: AbstractFileSystem, path: str, count: int) -> bytes:
    try:
        return bytes(store.cat_file(path, start=0, end=count))
    except OSError as error:
        if error.errno == errno.EINVAL and store.size(path) == 0:
            return b""  # a range of an empty file is an error of the request
        raise


def _read_web(address: str, count: int) -> bytes:
    try:
        answer = urlopen(address, timeout=RECEIVE_SECONDS)  # noqa: S310 - http or https alone
    except HTTPError as error:
        error.close()
        raise
    with answer:
        length = answer.length
        content = bytes(answer.read(count))
    if length is not None and len(content) < min(length, count):
        raise OSError(f"the content ends after {len(content):,} of {length:,} bytes")
    return content


def _open_store(address: str) -> tuple[AbstractFileSystem, str]:
    if find_spec("fsspec") is None:
        raise MissingExtra(f"reading {address}", "cloud")
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


def _with_retries(request: Callable[[], _Result]) -> _Result:
    for attempt in range(ATTEMPTS):
        try:
            return request()
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
    status = error.code if isinstance(error, HTTPError) else None
    if isinstance(error, FileNotFoundError | IsADirectoryError) or status in (404, 410):
        return "nothing is at this address"
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
