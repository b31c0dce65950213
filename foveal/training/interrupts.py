"""Ctrl-C and SIGTERM during training: they act at once, except inside a short closed gate.

Knows nothing of what is saved; the caller catches KeyboardInterrupt and SystemExit.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class InterruptGuard:
    """While closed (`with gate:`) a signal waits; it is raised when the gate opens."""

    def __init__(self) -> None:
        self._depth = 0
        self._waiting: int | None = None

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._waiting is not None:
            number, self._waiting = self._waiting, None
            _raise(number)

    def handle_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """The signal handler."""
        if self._depth:
            self._waiting = number
        else:
            _raise(number)


def _raise(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextlib.contextmanager
def handle_interrupts(guard: InterruptGuard) -> Iterator[None]:
    """Route Ctrl-C and SIGTERM through the gate; a no-op outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # Python callers keep what they set themselves for SIGTERM: only our own exits are routed
    for number in before:
        signal.signal(number, guard.handle_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
