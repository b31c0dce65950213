"""The same work on many rows by several threads, in order, with little held in memory.

Knows nothing of pictures. Threads suffice because decoders release the interpreter's lock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Row = TypeVar("Row")
Done = TypeVar("Done")


def workers() -> int:
    """One a processor this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunked(
    work: Callable[[Sequence[Row]], Done], rows: Sequence[Row], size: int
) -> Iterator[tuple[Sequence[Row], Done]]:
    """`work` on consecutive chunks of `rows`; yields (chunk, result) in order.

    At most two chunks a thread are under way. Closing the iterator waits for those.
    """
    count = workers()
    waiting: deque[tuple[Sequence[Row], Future[Done]]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="foveal") as pool:
        try:
            for start in range(0, len(rows), size):
                chunk = rows[start : start + size]
                waiting.append((chunk, pool.submit(work, chunk)))
                if len(waiting) > 2 * count:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
