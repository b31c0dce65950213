"""Ctrl-C and SIGTERM during training: they act at once, except inside a guarded block.

The caller catches KeyboardInterrupt and SystemExit.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class InterruptGuard:
    """Inside `with guard:` a signal is held back; it is raised when the block ends.

    What is raised outside can get lost, in a destructor or a library's callback: it is raised again
    when the next block ends, unless `caught` was called.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._pending_signal: int | None = None

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._pending_signal is not None:
            number, self._pending_signal = self._pending_signal, None
            _raise_for_signal(number)

    @property
    def pending_signal(self) -> int:
        """The signal that is held back, 0 where there is none."""
        return self._pending_signal or 0

    def raise_signal(self, number: int) -> None:
        """Raise for a signal now, inside the block too; what is held back is dropped."""
        self._pending_signal = None
        _raise_for_signal(number)

    def handle_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """The signal handler."""
        self._pending_signal = number
        if not self._depth:
            _raise_for_signal(number)

    def caught(self) -> None:
        """What was raised has arrived at who saves the run."""
        self._pending_signal = None


def _raise_for_signal(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextlib.contextmanager
def handle_interrupts(guard: InterruptGuard) -> Iterator[None]:
    """Route Ctrl-C and SIGTERM through the guard; a no-op outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, guard.handle_signal)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
