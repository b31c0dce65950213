"""Ends a process with the studio that started it, however that one ended.

The studio holds the other end of the standard input of what it starts: also a kill closes it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def watch_parent(end: Callable[[], object]) -> None:
    """Call `end` in a thread of its own once standard input is closed."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        end()

    threading.Thread(target=wait, name="parent", daemon=True).start()
