"""The cache: clearing it.

Knows nothing of what the entries hold.
"""

from __future__ import annotations

from foveal.dataset import home
from foveal.dataset.hold import busy


def clear() -> tuple[int, int]:
    """Delete what is kept, also what broken-off work left; (entries, bytes) that went.

    What another process makes now stays.
    """
    found = [entry for entry in home.entries() if not busy(entry.folder)]
    for entry in found:
        home.remove(entry.folder)
    home.sweep()
    return len(found), sum(entry.size for entry in found)
