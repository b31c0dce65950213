"""Ends a process with the studio that started it, however that one ended.

The studio holds the other end of the standard input of what it starts: also a kill closes it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def watch_parent(
    end: Callable[[], object], receive: Callable[[bytes], object] = lambda _line: None
) -> None:
    """Call `receive` with each line of standard input, and `end` once that is closed.

    Both are called in a thread of their own.
    """

    def read() -> None:
        # not sys.stdin, whose lock an interpreter that ends would wait for
        with os.fdopen(0, "rb", closefd=False) as lines:
            for line in lines:
                receive(line)
        end()

    threading.Thread(target=read, name="parent", daemon=True).start()
