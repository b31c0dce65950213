"""Atomic writes: a temporary file beside, fsync, rename, fsync of the folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from foveal.errors import Error, UsageError


def write_atomic(path: Path, content: bytes | str | Callable[[Path], None]) -> None:
    """Write `content` to `path` so that a crash leaves the old file or the new one, complete.

    content: bytes, text (UTF-8; surrogates of undecodable file names become escapes that JSON
    reads back), or a function that writes to the path it receives.
    Raises Error where the file cannot be written; no partial file is left behind.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    folder = path.parent
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=folder)
        temporary = Path(name)
        os.close(handle)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content)
        temporary.chmod(0o666 & ~_umask())
        fsync(temporary)
        temporary.replace(path)
        temporary = None
        fsync(folder)
    except OSError as error:
        raise Error(
            f"cannot write {path}: {error.strerror or error}; free space or choose another place"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def refuse_overwriting(out: Path, source: Path, what: str) -> None:
    """Raise UsageError where `out` is the file that is read: input files are never changed.

    what: the file in words, such as `the model`.
    """
    with contextlib.suppress(OSError):
        if out.samefile(source):
            raise UsageError(
                f"--out is {what} itself, {out}, which is never altered; give another name"
            )


def fsync(path: Path) -> None:
    """Flush a file or folder to the disk (folders: where the system allows it)."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
