"""A process that is kept for a while after its work: to start one and to import torch there takes
longer than most explanations do.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from foveal.processor import available_memory
from foveal.studio.tasks.process import Child
from foveal.studio.tasks.tasks import TaskProgress

IDLE_SECONDS = 120.0
"""Without a request, after which its memory is given back."""
MIN_FREE_BYTES = 2 << 30
"""Of the machine's memory, below which it is given back at once, such as for a training."""
_LOOK_SECONDS = 1.0
"""Between two looks at the memory."""


@dataclass(frozen=True, eq=False)
class _Idle:
    """A process that waits; `taken` is set where it is used or ended."""

    child: Child
    taken: threading.Event = field(default_factory=threading.Event)


class WarmChild:
    """Does work of one kind in a process that the next request finds started; see `run_child`.

    The process is replaced where it has died.  For several threads.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._idle: _Idle | None = None
        self._closed = False

    def run(self, request: dict[str, Any], progress: TaskProgress) -> dict[str, Any]:
        """Do the work and return its result.  Raises as `run_child`."""
        idle = self._take()
        if idle is not None and not idle.child.is_idle:  # killed meanwhile
            idle.child.end()
            idle = None
        child = Child(self._kind) if idle is None else idle.child
        try:
            return child.run(request, progress)
        finally:
            if not (child.is_idle and self._keep(child)):
                child.end()

    def close(self) -> None:
        """End the process that waits; none is kept from now on."""
        with self._lock:
            self._closed = True
        idle = self._take()
        if idle is not None:
            idle.child.end()

    def _take(self, expected: _Idle | None = None) -> _Idle | None:
        """The process that waits, where it is the expected one; it is no other's then."""
        with self._lock:
            idle = self._idle
            if idle is None or expected not in (None, idle):
                return None
            self._idle = None
        idle.taken.set()
        return idle

    def _keep(self, child: Child) -> bool:
        """Whether the process may wait for more."""
        idle = _Idle(child)
        with self._lock:
            if self._closed or self._idle is not None:
                return False
            self._idle = idle
        threading.Thread(target=self._end_idle, args=(idle,), name="idle", daemon=True).start()
        return True

    def _end_idle(self, idle: _Idle) -> None:
        """End it once it has waited long enough, or memory is short, or it has died."""
        until = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < until and available_memory() >= MIN_FREE_BYTES:
            if idle.taken.wait(_LOOK_SECONDS):
                return
            if not idle.child.is_idle:
                break
        if self._take(idle) is not None:
            idle.child.end()
