"""The cache: clearing it.

Knows nothing of what the entries hold.
"""

from __future__ import annotations

from foveal.dataset import home


def clear() -> tuple[int, int]:
    """Delete everything kept, also what broken-off work left; (entries, bytes) that went."""
    found = home.entries()
    for entry in found:
        home.remove(entry)
    home.sweep()
    return len(found), sum(entry.size for entry in found)
