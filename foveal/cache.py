"""Where Foveal keeps what it can make again: FOVEAL_CACHE, else the platform's user cache.

Knows nothing of what is kept; every entry is a folder with a file `about.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from foveal.errors import Error, UsageError
from foveal.filelock import is_locked

ABOUT_FILE = "about.json"
DEFAULT_LIMIT_BYTES = 50 * 2**30
_LIMIT_VARIABLE = "FOVEAL_CACHE_LIMIT"
_PREFIXES = ("pixels-", "scan-", "explain-")
"""Only folders that begin so are ever listed or deleted, wherever FOVEAL_CACHE points."""
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class CacheEntry:
    """One thing kept: its folder, what it is, bytes on disk, last use (seconds of the epoch)."""

    folder: Path
    description: str
    size_bytes: int
    last_used: float
    complete: bool


def cache_folder() -> Path:
    """The cache folder; not made here."""
    chosen = os.environ.get("FOVEAL_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":  # untested
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "foveal" / "cache"
    if sys.platform == "darwin":  # untested
        return Path.home() / "Library" / "Caches" / "foveal"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foveal"


def size_limit_bytes() -> int:
    """Bytes the cache may hold: FOVEAL_CACHE_LIMIT (such as 20G), else 50 GiB."""
    text = os.environ.get(_LIMIT_VARIABLE, "").strip().upper().removesuffix("B").removesuffix("I")
    if not text:
        return DEFAULT_LIMIT_BYTES
    unit = _UNITS.get(text[-1:], 1)
    try:
        value = float(text[:-1] if unit > 1 else text) * unit
    except ValueError:
        value = -1.0
    if not 0 <= value < 2**62:
        raise UsageError(
            f"{_LIMIT_VARIABLE} is '{os.environ[_LIMIT_VARIABLE]}', which is not a size; "
            "give one such as 20G"
        )
    return int(value)


def list_entries() -> list[CacheEntry]:
    """Everything kept, the longest unused first."""
    folder = cache_folder()
    if not folder.is_dir():
        return []
    found = []
    for place in folder.iterdir():
        if place.name.startswith(_PREFIXES) and place.is_dir() and not place.is_symlink():
            with contextlib.suppress(OSError):
                found.append(_read_entry(place))
    return sorted(found, key=lambda entry: entry.last_used)


def _read_entry(folder: Path) -> CacheEntry:
    about = folder / ABOUT_FILE
    what = ""
    if about.is_file():
        with contextlib.suppress(ValueError):
            said = json.loads(about.read_text("utf-8"))
            what = str(said.get("what", "")) if isinstance(said, dict) else ""
    size = sum(
        file.stat().st_blocks * 512 if hasattr(file.stat(), "st_blocks") else file.stat().st_size
        for file in folder.iterdir()
        if file.is_file()
    )
    used = max(folder.stat().st_mtime, about.stat().st_mtime if about.is_file() else 0.0)
    return CacheEntry(folder, what, size, used, complete=not folder.name.endswith(".part"))


def touch(folder: Path) -> None:
    """Remember that an entry was used now."""
    with contextlib.suppress(OSError):
        os.utime(folder / ABOUT_FILE)


def evict(bytes_needed: int, keep: frozenset[str] = frozenset()) -> None:
    """Remove the longest unused entries until `wanted` more bytes fit the limit and the disk.

    Entries named in `keep` stay, and those that a process makes now; a map that another process
    still reads stays readable on POSIX. Raises Error where the disk has no room for it even so.
    """
    kept = list_entries()
    total = sum(entry.size_bytes for entry in kept)
    cache_folder().mkdir(parents=True, exist_ok=True)
    for entry in kept:
        if total + bytes_needed <= size_limit_bytes() and _free_bytes() >= bytes_needed:
            break
        if entry.folder.name in keep or is_locked(entry.folder):
            continue
        remove(entry.folder)
        total -= entry.size_bytes
    if _free_bytes() < bytes_needed:
        raise Error(
            f"the cache {cache_folder()} needs {bytes_needed / 2**30:.1f} GiB and its disk has "
            f"{_free_bytes() / 2**30:.1f} free; free some, or set FOVEAL_CACHE to a larger disk"
        )


def _free_bytes() -> int:
    return shutil.disk_usage(cache_folder()).free


def remove(folder: Path) -> None:
    """Delete one entry; the name goes first, so that no half of it is ever read."""
    doomed = folder.with_name(f".{folder.name}.gone")
    with contextlib.suppress(OSError):
        folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def remove_stale() -> None:
    """Delete locks of nobody and half-removed entries."""
    folder = cache_folder()
    if not folder.is_dir():
        return
    for place in folder.iterdir():
        if place.name.startswith(".") and place.name.endswith(".gone"):
            shutil.rmtree(place, ignore_errors=True)
        elif place.name.startswith(".") and place.name.endswith(".lock"):
            with contextlib.suppress(OSError):
                if not is_locked(place.with_name(place.name[1:].removesuffix(".lock"))):
                    place.unlink()
