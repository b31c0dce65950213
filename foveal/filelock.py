"""One process at a time: the operating system's lock on a file, which ends with its process.

Whatever ends the process, no lock is left behind; a lock file that nobody holds means nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from foveal.errors import Error, TrainingError
from foveal.progress import Progress, silent

RUN_LOCK = ".lock"
"""The lock file of a run folder, inside it; that of a cache entry lies beside the entry."""
POLL_SECONDS = 0.2
MAX_TEST_SECONDS = 0.3
"""For which a lock may be held by `lock_holder`, which only tests it."""


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

    So are the folders above it that were made for it.
    Raises TrainingError where another process holds the lock, Error where nothing can be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            made = [path for path in (folder, *folder.parents) if not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(_opened(folder / RUN_LOCK))
        except OSError as error:
            raise Error(
                f"cannot write into {folder}: {error.strerror}; choose another folder with --out"
            ) from error
        if not _try_lock_for(handle, MAX_TEST_SECONDS):
            raise TrainingError(
                f"another process is training in {folder}; wait until it ends, stop it, or choose "
                "another folder with --out"
            )
        _write_holder(handle)
        if made:
            stack.callback(_remove_if_empty, made)  # runs before the lock is released
        yield


def lock_holder(folder: Path) -> int | None:
    """The process that holds the lock of a run folder now; None where none does.

    Nobody holds what cannot be opened, such as a folder in its place.  The number is the holder's
    own: that of a process which has ended is never given.
    """
    with contextlib.suppress(OSError), _opened(folder / RUN_LOCK, create=False) as handle:
        if not _try_lock(handle):
            os.lseek(handle, 1, os.SEEK_SET)
            digits = os.read(handle, 20).strip()
            return int(digits) if digits.isdigit() else None
    return None


def _write_holder(handle: int) -> None:
    """Note the own process behind the first byte, which is the one that Windows locks."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, f"\n{os.getpid()}\n".encode())


def _try_lock_for(handle: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not _try_lock(handle):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _remove_if_empty(folders: Sequence[Path]) -> None:
    """Remove a folder that holds only its lock file, and those above it that are empty then.

    folders: each the parent of the one before.  They may be gone already.
    """
    with contextlib.suppress(OSError):
        if [path.name for path in folders[0].iterdir()] == [RUN_LOCK]:
            (folders[0] / RUN_LOCK).unlink()
            for folder in folders:
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
