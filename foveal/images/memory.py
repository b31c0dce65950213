"""Bounds the memory of images that are decoded at the same time in one process.

Images of ordinary size are not counted. A larger one waits until its copies fit beside those that
are decoded now; one that is alone is always let through, as the limit on one image is in `limits`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from foveal.processor import available_memory

UNCOUNTED_BYTES = 32 * 2**20
"""Of a decoded image: 8 million pixels in colour."""
COPIES = 7
"""Times its decoded pixels that an image takes while it is measured: 20 million pixels (80 MiB)
took 440 to 580 MiB in a scan, 60 to 410 in training."""
MAX_SHARE = 0.4
"""Of the memory that is available when the first large image comes; as much for all workers."""

Reserve = Callable[[int], None]
"""Wait until an image of that many decoded bytes fits; until the end of the `with` it counts."""


class NeedsMoreMemory(Exception):
    """An image takes more than this process may have; another one has to decode it."""


class MemoryBudget:
    """Bytes that images may take together; None: a share of what is available at first use."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit, self._refuses = limit, False
        self._used = 0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """Bytes; found when it is first asked for."""
        if self._limit is None:
            self._limit = int(MAX_SHARE * available_memory())
        return self._limit

    def restrict(self, limit: int) -> None:
        """Have another limit, and refuse what is above it with NeedsMoreMemory."""
        self._limit, self._refuses = limit, True

    def reservation(self) -> _Reservation:
        """A context that gives a `Reserve` for one image at a time and ends its reservation."""
        return _Reservation(self)

    def take(self, size: int) -> int:
        """Wait until `size` bytes fit, and count them; `size`."""
        if self._refuses and size > self.limit:
            raise NeedsMoreMemory("the image needs more memory than a worker process has")
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self.limit)
            self._used += size
        return size

    def release(self, size: int) -> None:
        """Count them no longer."""
        with self._changed:
            self._used -= size
            self._changed.notify_all()


class _Reservation:
    """A context manager without a generator, as one is opened for every image."""

    __slots__ = ("_budget", "_reserved")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self._reserved = budget, 0

    def __enter__(self) -> Reserve:
        return self._reserve

    def __exit__(self, *_: object) -> None:
        if self._reserved:
            self._budget.release(self._reserved)

    def _reserve(self, decoded_bytes: int) -> None:
        if decoded_bytes > UNCOUNTED_BYTES:
            self._reserved += self._budget.take(COPIES * decoded_bytes)


decoding_budget = MemoryBudget()
"""Of this process; a worker process restricts it to its share."""
