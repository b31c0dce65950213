"""One process a run: the operating system's own lock on a file, gone with the process.

Knows nothing of what the run is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from foveal.errors import Error, TrainingError
from foveal.rundir import LOCK_FILE


@contextlib.contextmanager
def lock_run_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; a second process gets one sentence, a kill -9 leaves no lock.

    A folder that was made for this and in which nothing came about is removed.
    """
    path, new = folder / LOCK_FILE, not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise Error(
            f"cannot write into {folder}: {error.strerror}; choose another folder with --out"
        ) from error
    try:
        if not _take(handle):
            raise TrainingError(
                f"another process is training in {folder}; wait until it ends, stop it, or choose "
                "another folder with --out"
            )
        try:
            yield
        finally:
            if new:
                _clear(folder, path)
    finally:
        os.close(handle)


def _clear(folder: Path, lock: Path) -> None:
    """Remove a folder that holds nothing but the lock, which is still held; it may be gone."""
    with contextlib.suppress(OSError):
        if [one.name for one in folder.iterdir()] == [lock.name]:
            lock.unlink()
            folder.rmdir()


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
