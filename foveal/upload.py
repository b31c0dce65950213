"""Writes files to addresses of object stores, with the retries of reading."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import DataError, Error, ImageError, UsageError
from foveal.remote import is_web, list_stored, open_store, with_retries

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

WHAT = "writing to"


def refuse_used_address(address: str) -> None:
    """Raise UsageError where something lies at or below an address, or it is one of the web.

    Raises Error where the store does not answer or refuses, MissingExtra without fsspec.
    """
    if is_web(address):
        raise UsageError(
            f"--out is {address}, an address of the web, where nothing can be written; give a "
            "folder, or an address of a store such as s3://bucket/shards"
        )
    try:
        found = list_stored(address, WHAT)
    except ImageError as error:
        raise _write_error(address, error) from error
    if found:
        first = posixpath.basename(found[0].address)
        raise UsageError(
            f"--out is {address}, where something lies already ({first}); give another address"
        )


def upload(path: Path, address: str) -> None:
    """Copy a file of this machine to an address, where it is whole or absent.

    Raises Error where the store refuses, or does not take all of it after some attempts.
    """
    try:
        store, name = open_store(address, WHAT)
        with_retries(partial(_put, store, path, name))
    except ImageError as error:
        raise _write_error(address, error) from error


def remove_uploaded(addresses: Sequence[str]) -> None:
    """Remove files at addresses, those that can be removed with one attempt."""
    with contextlib.suppress(Exception):  # each store has exceptions of its own
        for address in addresses:
            store, name = open_store(address, WHAT)
            with contextlib.suppress(FileNotFoundError):
                store.rm_file(name)


def _put(store: AbstractFileSystem, path: Path, name: str) -> None:
    store.put_file(str(path), name)
    store.invalidate_cache()
    written, size = store.size(name), path.stat().st_size
    if written != size:
        raise OSError(f"the store has {written:,} of {size:,} bytes")


def _write_error(address: str, error: DataError) -> Error:
    return Error(
        f"cannot write {address}: {error}; see that it can be written with your credentials"
    )
