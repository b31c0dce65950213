"""One process makes a cache entry, others wait for it: the operating system's lock on a file.

Knows nothing of what is made; the lock is gone with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from foveal.progress import Progress, silent


@contextlib.contextmanager
def wait_for_lock(folder: Path, progress: Progress = silent) -> Iterator[None]:
    """Hold the entry's lock, waiting for another process; `folder` exists inside the block."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(_lock(folder), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while not _take(handle):
            progress("waiting for another process", 0, None)
            time.sleep(0.2)
        folder.mkdir(exist_ok=True)
        yield
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the entry's lock now."""
    try:
        handle = os.open(_lock(folder), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _take(handle)
    finally:
        os.close(handle)


def _lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


if os.name == "nt":  # untested

    def _take(handle: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        return True

else:

    def _take(handle: int) -> bool:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
