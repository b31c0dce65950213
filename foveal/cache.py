"""The cache of what can be computed again: FOVEAL_CACHE, else the platform's user cache.

Every entry is a folder with a file `about.json`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args

from foveal.errors import Error, UsageError
from foveal.filelock import lock_for_removal
from foveal.files import fsync, write_atomic
from foveal.text import name_bytes

DEFAULT_LIMIT_BYTES = 50 * 2**30
_ABOUT_FILE = "about.json"
_LIMIT_VARIABLE = "FOVEAL_CACHE_LIMIT"
Kind = Literal["pixels", "scan", "explain", "embeddings", "pretrained", "shards"]
_PREFIXES = tuple(f"{kind}-" for kind in get_args(Kind))
"""Only folders with these prefixes are ever listed or deleted, wherever FOVEAL_CACHE points."""
_UNFINISHED = ".part"
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_limit_of_process: int | None = None


@dataclass(frozen=True)
class CacheEntry:
    """One entry; last_used: seconds of the epoch.  complete: not the rest of unfinished work."""

    folder: Path
    description: str
    size_bytes: int
    last_used: float
    complete: bool


def cache_folder() -> Path:
    """The cache folder; it may not exist yet."""
    chosen = os.environ.get("FOVEAL_CACHE")
    if chosen:
        return _expanded(chosen)
    if sys.platform == "win32":  # untested
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "foveal" / "cache"
    if sys.platform == "darwin":  # untested
        return _home() / "Library" / "Caches" / "foveal"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "foveal"


def _expanded(chosen: str) -> Path:
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"FOVEAL_CACHE is '{chosen}', but no such user has a home folder; give the path of a "
            "folder"
        ) from error


def _home() -> Path:
    """The home folder; where there is none, as in a container, a place that cannot be written."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull) / "no-home-folder"


def entry_folder(kind: Kind, name: str) -> Path:
    """The folder of one entry, which may not exist yet; name: letters and digits, or `key_of`."""
    return cache_folder() / f"{kind}-{name}"


def key_of(text: str) -> str:
    """128 bits of a text, in hex: the name of an entry that is found by what it was made from."""
    return blake2b(name_bytes(text), digest_size=16).hexdigest()


def unfinished(folder: Path) -> Path:
    """Where an entry lies while it is made; it is listed as not complete."""
    return folder.with_name(folder.name + _UNFINISHED)


def finish(folder: Path) -> None:
    """Give what was made in `unfinished(folder)` its name, in place of an entry of that name."""
    if folder.exists():
        remove(folder)
    unfinished(folder).rename(folder)
    fsync(folder.parent)


@contextlib.contextmanager
def limited_to(size_bytes: int | None) -> Iterator[None]:
    """In the block this process lets the cache have so many bytes; None: no change."""
    global _limit_of_process
    before = _limit_of_process
    _limit_of_process = before if size_bytes is None else size_bytes
    try:
        yield
    finally:
        _limit_of_process = before


def size_limit_bytes() -> int:
    """Bytes the cache may hold: that of the process, FOVEAL_CACHE_LIMIT (such as 20G) or 50 GiB."""
    if _limit_of_process is not None:
        return _limit_of_process
    text = os.environ.get(_LIMIT_VARIABLE, "").strip()
    return parse_size(text, _LIMIT_VARIABLE) if text else DEFAULT_LIMIT_BYTES


def parse_size(text: str, name: str) -> int:
    """Bytes of `20G`, `512 MiB` or `1000`; raises UsageError, which calls it `name`."""
    number = text.strip().upper().removesuffix("B").removesuffix("I").strip()
    unit = _UNITS.get(number[-1:], 1)
    try:
        value = float(number[:-1] if unit > 1 else number) * unit
    except ValueError:
        value = -1.0
    if not 0 <= value < 2**62:
        raise UsageError(f"{name} is '{text}', which is not a size; give one such as 20G")
    return int(value)


def list_entries() -> list[CacheEntry]:
    """All entries, the least recently used first."""
    cache = cache_folder()
    if not cache.is_dir():
        return []
    entries = []
    for folder in cache.iterdir():
        if folder.name.startswith(_PREFIXES) and folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(OSError):
                entries.append(_read_entry(folder))
    return sorted(entries, key=lambda entry: entry.last_used)


def _read_entry(folder: Path) -> CacheEntry:
    about = folder / _ABOUT_FILE
    description = ""
    with contextlib.suppress(FileNotFoundError, ValueError):
        description = str(read_about(folder).get("description", ""))
    size = sum(_disk_bytes(file.stat()) for file in folder.iterdir() if file.is_file())
    used = max(folder.stat().st_mtime, about.stat().st_mtime if about.is_file() else 0.0)
    return CacheEntry(
        folder, description, size, used, complete=not folder.name.endswith(_UNFINISHED)
    )


def _disk_bytes(status: os.stat_result) -> int:
    return status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size


def write_about(folder: Path, description: str, **fields: Any) -> None:
    """Write the entry's `about.json`: what it is, and fields that its owner reads back."""
    write_atomic(folder / _ABOUT_FILE, json.dumps({"description": description, **fields}))


def read_about(folder: Path) -> dict[str, Any]:
    """What `write_about` wrote; OSError or ValueError where it cannot be read."""
    try:
        about = json.loads(require_file(folder / _ABOUT_FILE).read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("about.json has too many levels") from error
    if not isinstance(about, dict):
        raise ValueError("about.json is not an object")
    return about


def require_file(path: Path) -> Path:
    """The path of a file of an entry; OSError where it is none, as a pipe would be waited for."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
    return path


def remove_all_but_files(folder: Path) -> None:
    """Remove what is no file from unfinished work, so that it can be written on."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif not path.is_file():
            path.unlink()


def touch(folder: Path) -> None:
    """Record that an entry was used now."""
    with contextlib.suppress(OSError):
        os.utime(folder / _ABOUT_FILE)


def evict(bytes_needed: int, keep: frozenset[str] = frozenset()) -> None:
    """Remove the least recently used entries until `bytes_needed` more fit the limit and the disk.

    Entries named in `keep` and locked ones stay; a memory map that another process reads stays
    readable on POSIX. Raises Error where the disk is too full even so.
    """
    entries = list_entries()
    total = sum(entry.size_bytes for entry in entries)
    cache_folder().mkdir(parents=True, exist_ok=True)
    for entry in entries:
        if total + bytes_needed <= size_limit_bytes() and _free_bytes() >= bytes_needed:
            break
        if entry.folder.name not in keep and remove_unlocked(entry.folder):
            total -= entry.size_bytes
    if _free_bytes() < bytes_needed:
        raise Error(
            f"the cache {cache_folder()} needs {bytes_needed / 2**30:.1f} GiB and its disk has "
            f"{_free_bytes() / 2**30:.1f} free; free some, or set FOVEAL_CACHE to a larger disk"
        )


def _free_bytes() -> int:
    return shutil.disk_usage(cache_folder()).free


def remove_unlocked(folder: Path) -> bool:
    """Delete one entry, locked meanwhile; False where another process holds its lock."""
    try:
        with lock_for_removal(folder) as is_mine:
            if is_mine:
                remove(folder)
            return is_mine
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return False
    remove(folder)  # on a full disk no process can make its lock
    return True


def remove(folder: Path) -> None:
    """Delete one entry, whoever has locked it; renamed first, so that nobody reads half of it."""
    removed = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(removed, ignore_errors=True)  # of a process that was killed while it removed
    with contextlib.suppress(OSError):
        folder.rename(removed)
    shutil.rmtree(removed, ignore_errors=True)


def remove_stale() -> None:
    """Delete lock files that nobody holds and entries that were removed halfway."""
    cache = cache_folder()
    if not cache.is_dir():
        return
    for path in cache.iterdir():
        if path.name.startswith(".") and path.name.endswith(".removed"):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith(".") and path.name.endswith(".lock"):
            with contextlib.suppress(OSError):
                entry = path.with_name(path.name[1:].removesuffix(".lock"))
                with lock_for_removal(entry):
                    pass
