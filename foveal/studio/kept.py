"""JSON that the studio keeps in files, as it is read again: whole and of its kind, or not there."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

from pydantic import Field, TypeAdapter

from foveal.errors import Error, UsageError
from foveal.files import write_atomic

Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
"""Two numbers; JSON has no tuples."""
MAX_BYTES = 1 << 30
"""Of a file that is read: that of predictions for ten million images."""
_Kept = TypeVar("_Kept")


def read_kept(file: Path, kind: TypeAdapter[_Kept], max_bytes: int = MAX_BYTES) -> _Kept | None:
    """What a file keeps; None where there is none, or it holds anything else than `kind`."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        if file.is_file() and file.stat().st_size <= max_bytes:  # a pipe would be waited for
            return kind.validate_python(parse_json(file.read_bytes()), strict=True)
    return None


def check_kept(is_whole: bool) -> None:
    """Raise ValueError where what was read does not belong together, as in a file that was altered.

    For validators of a `kind`.
    """
    if not is_whole:
        raise ValueError("it was altered")


def write_kept(file: Path, value: object) -> None:
    """Keep JSON in a folder that is there: a project or run that was removed is not made again.

    Raises Error where it cannot be written.
    """
    try:
        write_atomic(file, json.dumps(value), make_folder=False)
    except Error:
        if file.parent.is_dir():
            raise


def write_into_folder(file: Path, content: str) -> None:
    """Write a file whose folder is there.

    Raises UsageError where that was removed, so that no part of a project or run is made again;
    Error where the file cannot be written.
    """
    with unless_removed(file.parent):
        write_atomic(file, content, make_folder=False)


@contextlib.contextmanager
def unless_removed(folder: Path) -> Iterator[None]:
    """Tell what fails inside the block as UsageError where `folder` was removed meanwhile."""
    try:
        yield
    except (Error, FileNotFoundError) as error:
        if folder.is_dir():
            raise
        raise UsageError("this was removed meanwhile; reload the page") from error


def read_tail(file: Path, max_bytes: int) -> bytes:
    """The end of a file that grows line by line; nothing where it cannot be read."""
    with contextlib.suppress(OSError):
        if file.is_file():  # a pipe would be waited for
            with file.open("rb") as opened:
                opened.seek(max(0, file.stat().st_size - max_bytes))
                return opened.read(max_bytes)
    return b""


def size_and_time(file: Path) -> list[int]:
    """Bytes and time of change of a file, by which what was made of it is known to be stale.

    Raises OSError.
    """
    found = file.stat()
    return [found.st_size, found.st_mtime_ns]


def parse_json(content: bytes | str) -> object:
    """JSON without NaN and Infinity, which no answer may hold.

    Raises ValueError, RecursionError.
    """
    value: object = json.loads(content, parse_constant=_refuse, parse_float=_finite)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)
