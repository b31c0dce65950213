"""One process at a time: the operating system's lock on a file, which ends with its process.

Whatever ends the process, no lock is left behind; a lock file that nobody holds means nothing.
A lock counts only while its file is the one under its name: files of locks are removed, by who
holds them, and others may have opened such a file before.
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
MAX_TEST_SECONDS = 10.0
"""For which a run that starts tries again while the lock is only tested, by `lock_holder`."""
_TEST_SECONDS_ON_WINDOWS = 0.3
"""For which such a test may keep the lock there, as there are no shared locks."""


@contextlib.contextmanager
def wait_for_lock(folder: Path, progress: Progress = silent) -> Iterator[None]:
    """Lock a cache entry, waiting for another process; `folder` exists inside the block."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(_entry_lock(folder), progress, seconds=POLL_SECONDS):
        folder.mkdir(exist_ok=True)
        yield


@contextlib.contextmanager
def lock_for_removal(folder: Path) -> Iterator[bool]:
    """Hold the lock of a cache entry in the block, which removes it; its file goes with it.

    False where another process holds the lock.
    """
    lock = _entry_lock(folder)
    with try_lock(lock) as is_mine:
        yield is_mine
        if is_mine:
            with contextlib.suppress(OSError):  # Windows keeps a file that is open
                lock.unlink()


@contextlib.contextmanager
def try_lock(lock: Path) -> Iterator[bool]:
    """Hold the lock file `lock` in the block; False where another process holds it."""
    while True:
        with _opened(lock) as handle:
            is_mine = _try_lock(handle)
            if _is_under_name(handle, lock):
                yield is_mine
                return


@contextlib.contextmanager
def hold_lock(lock: Path, progress: Progress = silent, *, seconds: float = 0.02) -> Iterator[None]:
    """Hold the lock file `lock` in the block, waiting for another process.

    seconds: from one attempt to the next.
    """
    while True:
        with try_lock(lock) as is_mine:
            if is_mine:
                yield
                return
        progress("waiting for another process", 0, None)
        time.sleep(seconds)


@contextlib.contextmanager
def lock_run_folder(folder: Path) -> Iterator[None]:
    """Create a run folder and lock it; where nothing was written into it, it is removed again.

    So are the folders above it that were made for it.
    Raises TrainingError where another process holds the lock and does not only test it, Error where
    nothing can be written.
    """
    deadline = time.monotonic() + MAX_TEST_SECONDS
    made: list[Path] = []
    while True:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        made = max(made, missing, key=len)  # a run that ends may remove what is made here again
        with _opened_in(folder) as handle:
            is_mine = _try_lock(handle)
            if _is_under_name(handle, folder / RUN_LOCK):
                if is_mine:
                    _write_holder(handle)
                    try:
                        yield
                    finally:
                        _remove_if_empty(made, handle)
                    return
                if time.monotonic() > deadline or not _is_only_tested(handle):
                    raise TrainingError(
                        f"another process is training in {folder}; wait until it ends, stop it, "
                        "or choose another folder with --out"
                    )
        time.sleep(0.02)


def lock_holder(folder: Path) -> int | None:
    """The process that holds the lock of a run folder now; None where none does.

    Tested with a shared lock, which a run that starts can tell from that of a run.  Nobody holds
    what cannot be opened, such as a folder in its place.  The number is the holder's own: that of
    a process which has ended is never given.
    """
    with contextlib.suppress(OSError), _opened(folder / RUN_LOCK, create=False) as handle:
        if not _try_lock(handle, shared=True):
            os.lseek(handle, 1, os.SEEK_SET)
            digits = os.read(handle, 20).strip()
            return int(digits) if digits.isdigit() else None
    return None


def _write_holder(handle: int) -> None:
    """Note the own process behind the first byte, which is the one that Windows locks."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, f"\n{os.getpid()}\n".encode())


def _is_under_name(handle: int, lock: Path) -> bool:
    """Whether the open file is still the one that others find as `lock`."""
    try:
        return os.path.samestat(os.fstat(handle), lock.stat())
    except FileNotFoundError:
        return False


def _is_only_tested(handle: int) -> bool:
    """Whether whoever keeps the lock from this process only tests it, with a shared lock."""
    if os.name == "nt":
        time.sleep(_TEST_SECONDS_ON_WINDOWS)
    return _try_lock(handle, shared=True)


def _remove_if_empty(folders: Sequence[Path], handle: int) -> None:
    """Remove a folder that holds only its lock file, and those above it that are empty then.

    folders: each the parent of the one before.  handle: the lock file.  They may be gone already,
    and another run may have made them again.
    """
    with contextlib.suppress(OSError):
        names = [path.name for path in folders[0].iterdir()] if folders else []
        if names == [RUN_LOCK] and _is_under_name(handle, folders[0] / RUN_LOCK):
            (folders[0] / RUN_LOCK).unlink()
            for folder in folders:
                folder.rmdir()


def _entry_lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


@contextlib.contextmanager
def _opened_in(folder: Path) -> Iterator[int]:
    """The lock file of a run folder; both are made, again where a run that ends removes them."""
    with contextlib.ExitStack() as stack:
        for attempts_left in (2, 1, 0):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                handle = stack.enter_context(_opened(folder / RUN_LOCK))
                break
            except OSError as error:
                if attempts_left and isinstance(error, FileNotFoundError | FileExistsError):
                    continue
                raise Error(
                    f"cannot write into {folder}: {error.strerror}; choose another folder with "
                    "--out"
                ) from error
        yield handle


@contextlib.contextmanager
def _opened(lock: Path, *, create: bool = True) -> Iterator[int]:
    handle = os.open(lock, os.O_RDWR | (os.O_CREAT if create else 0), 0o666)
    try:
        yield handle
    finally:
        os.close(handle)  # this releases the lock


if os.name == "nt":  # untested

    def _try_lock(handle: int, *, shared: bool = False) -> bool:  # noqa: ARG001 - has none
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        return True

else:

    def _try_lock(handle: int, *, shared: bool = False) -> bool:
        import fcntl

        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
