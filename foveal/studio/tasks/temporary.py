"""Temporary files of long work: a folder for each piece, which is removed with its end.

What a process has left that was killed is removed when a studio starts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from foveal.filelock import try_lock

PREFIX, LOCK = "foveal-task-", ".lock"
MIN_AGE_SECONDS = 60.0
"""Of a folder that is removed: a younger one may not be locked yet."""


@contextlib.contextmanager
def temporary_folder() -> Iterator[None]:
    """Inside the block `tempfile` makes its files in a folder that is removed behind it."""
    before = tempfile.tempdir
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder,
        try_lock(Path(folder) / LOCK),
    ):
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def remove_left_folders() -> None:
    """Remove the folders of processes that are dead, whose locks nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if _is_own(folder) and _is_free(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    """Whether it is a folder of this person; others may write there too."""
    found = folder.lstat()
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return own and folder.is_dir() and not folder.is_symlink()


def _is_free(folder: Path) -> bool:
    if time.time() - folder.lstat().st_mtime < MIN_AGE_SECONDS:
        return False
    with try_lock(folder / LOCK) as is_free:
        return is_free
