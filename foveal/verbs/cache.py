"""Clear the cache."""

from __future__ import annotations

from foveal import cache
from foveal.filelock import is_locked


def clear_cache() -> tuple[int, int]:
    """Delete all entries and what interrupted work left: (number of entries, their bytes).

    An entry that another process is building stays.
    """
    entries = [entry for entry in cache.list_entries() if not is_locked(entry.folder)]
    for entry in entries:
        cache.remove(entry.folder)
    cache.remove_stale()
    return len(entries), sum(entry.size_bytes for entry in entries)
