"""The cache: clearing it.

Knows nothing of what the entries hold.
"""

from __future__ import annotations

from foveal import cache
from foveal.filelock import is_locked


def clear_cache() -> tuple[int, int]:
    """Delete what is kept, also what broken-off work left; (entries, bytes) that went.

    What another process makes now stays.
    """
    found = [entry for entry in cache.list_entries() if not is_locked(entry.folder)]
    for entry in found:
        cache.remove(entry.folder)
    cache.remove_stale()
    return len(found), sum(entry.size_bytes for entry in found)
