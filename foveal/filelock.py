"""One process at a time: the operating system's lock on a file, which ends with its process.

Whatever ends the process, no lock is left behind; a lock file that nobody holds means nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from foveal.errors import Error, TrainingError
from foveal.progress import Progress, silent

RUN_LOCK = ".lock"
"""The lock file of a run folder, inside it; that of a cache entry lies beside the entry."""
POLL_SECONDS = 0.2


@contextlib.contextmanager
def wait_for_lock(folder: Path, progress: Progress = silent) -> Iterator[None]:
    """Lock a cache entry, waiting for another process; `folder` exists inside the block."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _opened(_entry_lock(folder)) as handle:
        while not _try_lock(handle):
            progress("waiting for another process", 0, None)
            time.sleep(POLL_SECONDS)
        folder.mkdir(exist_ok=True)
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of the cache entry now."""
    try:
        with _opened(_entry_lock(folder), create=False) as handle:
            return not _try_lock(handle)
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def try_lock(lock: Path) -> Iterator[bool]:
    """Hold the lock file `lock` in the block; False where another process holds it."""
    with _opened(lock) as handle:
        yield _try_lock(handle)


@contextlib.contextmanager
def lock_run_folder(folder: Path) -> Iterator[None]:
    """Create a run folder and lock it; where nothing was written into it, it is removed again.

    Raises TrainingError where another process holds the lock, Error where nothing can be written.
    """
    lock, new = folder / RUN_LOCK, not folder.exists()
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(_opened(lock))
        except OSError as error:
            raise Error(
                f"cannot write into {folder}: {error.strerror}; choose another folder with --out"
            ) from error
        if not _try_lock(handle):
            raise TrainingError(
                f"another process is training in {folder}; wait until it ends, stop it, or choose "
                "another folder with --out"
            )
        if new:
            stack.callback(_remove_if_empty, folder)  # runs before the lock is released
        yield


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds only its lock file; it may be gone already."""
    with contextlib.suppress(OSError):
        if [path.name for path in folder.iterdir()] == [RUN_LOCK]:
            (folder / RUN_LOCK).unlink()
            folder.rmdir()


def _entry_lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextlib.contextmanager
def _opened(lock: Path, *, create: bool = True) -> Iterator[int]:
    handle = os.open(lock, os.O_RDWR | (os.O_CREAT if create else 0), 0o666)
    try:
        yield handle
    finally:
        os.close(handle)  # this releases the lock


if os.name == "nt":  # untested

    def _try_lock(handle: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        return True

else:

    def _try_lock(handle: int) -> bool:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
