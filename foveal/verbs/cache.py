"""Clear the cache."""

from __future__ import annotations

from foveal import cache


def clear_cache() -> tuple[int, int]:
    """Delete all entries and what interrupted work left: (number of entries, their bytes).

    An entry that another process is building stays.
    """
    entries = [entry for entry in cache.list_entries() if cache.remove_unlocked(entry.folder)]
    cache.remove_stale()
    return len(entries), sum(entry.size_bytes for entry in entries)
