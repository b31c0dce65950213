"""Dynamic batching: images decoded at the same time are predicted together.

The threads that decode also run the network, so that no work is handed over: a thread that has
decoded an image puts its rows into the queue and, if no other thread is running a batch, runs all
rows in the queue. A batch waits a bounded time for images that are being decoded at that moment; a
single image never waits.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rows = np.ndarray
BatchResult = Rows | BaseException


@dataclass(eq=False)
class BatchItem:
    """Rows to predict: `decode` returns pixels (n, H, W, C), `future` receives rows (n, K)."""

    batcher: Batcher
    decode: Callable[[], Rows]
    future: asyncio.Future[Rows]
    pixels: Rows | None = None


class InferencePool:
    """The threads of one process that decode and predict, shared by all models.

    An exception becomes the result of its item.
    """

    def __init__(self, threads: int) -> None:
        self._items: queue.SimpleQueue[BatchItem] = queue.SimpleQueue()
        for index in range(threads):
            threading.Thread(target=self._work, name=f"inference-{index}", daemon=True).start()

    def submit(self, batcher: Batcher, decode: Callable[[], Rows]) -> asyncio.Future[Rows]:
        """Decode and predict; call on the event loop.  Cancel the future to drop the work."""
        future: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        batcher.add_pending()
        self._items.put(BatchItem(batcher, decode, future))
        return future

    def _work(self) -> None:
        while True:
            item = self._items.get()
            error: BaseException | None = None
            if not item.future.cancelled():
                try:
                    item.pixels = item.decode()
                except BaseException as caught:
                    error = caught
            if error is not None:
                _deliver([(item, error)])
            item.batcher.finish_decoding(item)


def _deliver(results: list[tuple[BatchItem, BatchResult]]) -> None:
    """Set the results on the event loop; called from the threads."""
    loop = results[0][0].future.get_loop()
    try:
        loop.call_soon_threadsafe(_set_results, results)
    except RuntimeError:  # the loop is closed: no task awaits the futures
        return


def _set_results(results: list[tuple[BatchItem, BatchResult]]) -> None:
    for item, result in results:
        if item.future.done():
            continue
        if isinstance(result, BaseException):
            item.future.set_exception(result)
        else:
            item.future.set_result(result)


class Batcher:
    """The queue of one model.

    infer: (N, H, W, C) uint8 to (N, K); an image's row must not depend on the rest of the batch.
    max_rows: rows of a batch.  wait_seconds: how long a batch waits for images being decoded.
    on_batch: called with the number of rows of every batch.
    """

    def __init__(
        self,
        infer: Callable[[Rows], Rows],
        *,
        max_rows: int,
        wait_seconds: float,
        on_batch: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._infer, self._max_rows = infer, max_rows
        self._wait_seconds, self._on_batch = wait_seconds, on_batch
        self._condition = threading.Condition()
        self._decoded: deque[BatchItem] = deque()
        self._pending = 0
        self._running = False
        self._batch_started = 0.0

    def add_pending(self) -> None:
        """Count one more item that will be decoded."""
        with self._condition:
            self._pending += 1

    def finish_decoding(self, item: BatchItem) -> None:
        """Queue an item that was decoded, failed or was dropped; run batches if no thread does."""
        with self._condition:
            self._pending -= 1
            if item.pixels is not None:
                self._decoded.append(item)
            self._condition.notify()
            if self._running or not self._decoded:
                return
            self._running = True
        while items := self._next_batch():
            _deliver(self._run(items))

    def running_seconds(self) -> float:
        """How long the batch that is running has taken so far; 0 where there is none."""
        started = self._batch_started
        return time.monotonic() - started if started else 0.0

    def _next_batch(self) -> list[BatchItem]:
        """The next batch; empty where the queue is, and then no thread runs batches."""
        with self._condition:
            deadline = time.monotonic() + self._wait_seconds
            while self._pending and self._decoded_rows() < self._max_rows:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    break
            items: list[BatchItem] = []
            rows = 0
            while self._decoded and (not items or rows < self._max_rows):
                item = self._decoded.popleft()
                assert item.pixels is not None
                if not item.future.cancelled():
                    items.append(item)
                    rows += len(item.pixels)
            if not items:
                self._running = False
            return items

    def _decoded_rows(self) -> int:
        return sum(len(item.pixels) for item in self._decoded if item.pixels is not None)

    def _run(self, items: list[BatchItem]) -> list[tuple[BatchItem, BatchResult]]:
        blocks = [item.pixels for item in items if item.pixels is not None]
        self._batch_started = time.monotonic()
        try:
            rows = self._infer(blocks[0] if len(blocks) == 1 else np.concatenate(blocks))
        except BaseException as error:
            return [(item, error) for item in items]
        finally:
            self._batch_started = 0.0
        self._on_batch(len(rows))
        ends = np.cumsum([len(block) for block in blocks])
        return list(zip(items, np.split(rows, ends[:-1]), strict=True))
