"""Answers images together: whoever has decoded one while nobody answers, answers all there are.

Knows nothing of HTTP or models: it is given a function from rows to rows. Two threads share the
work without handing it over: a thread that finishes decoding leaves its rows in the queue and,
if no thread is answering, takes all rows there are and answers them. A batch waits for images
that are being decoded right now, for a bounded time; an image that comes alone never waits.
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
Outcome = Rows | BaseException


@dataclass(eq=False)
class BatchItem:
    """Rows that are wanted: `decode` gives pixels (n, H, W, C), `future` gets the answer's rows."""

    batcher: Batcher
    decode: Callable[[], Rows]
    future: asyncio.Future[Rows]
    pixels: Rows | None = None


class Threads:
    """The threads of one process that decode and answer, shared by all models.

    Raises nothing; what fails is the outcome of its job.
    """

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[BatchItem] = queue.SimpleQueue()
        for index in range(count):
            threading.Thread(target=self._work, name=f"decode-{index}", daemon=True).start()

    def submit(self, batcher: Batcher, decode: Callable[[], Rows]) -> asyncio.Future[Rows]:
        """Decode and answer; call on the event loop.  Cancel the future to drop the work."""
        future: asyncio.Future[Rows] = self._loop.create_future()
        batcher.expect()
        self._jobs.put(BatchItem(batcher, decode, future))
        return future

    def deliver(self, outcomes: list[tuple[BatchItem, Outcome]]) -> None:
        """Give jobs their outcome; called from the threads."""
        try:
            self._loop.call_soon_threadsafe(_settle, outcomes)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            error: BaseException | None = None
            if not job.future.cancelled():
                try:
                    job.pixels = job.decode()
                except BaseException as caught:
                    error = caught
            if error is not None:
                self.deliver([(job, error)])
            job.batcher.decoded(job, self)


def _settle(outcomes: list[tuple[BatchItem, Outcome]]) -> None:
    for job, outcome in outcomes:
        if job.future.done():
            continue
        if isinstance(outcome, BaseException):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)


class Batcher:
    """The queue of one model.

    answer: (N, H, W, C) uint8 to (N, K), the same row for the same image in any company.
    rows: most rows answered together.  wait_seconds: how long for images being decoded.
    sizes: called with the number of rows of every batch.
    """

    def __init__(
        self,
        answer: Callable[[Rows], Rows],
        *,
        rows: int,
        wait_seconds: float,
        sizes: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._answer, self._rows, self._wait, self._sizes = answer, rows, wait_seconds, sizes
        self._changed = threading.Condition()
        self._decoded: deque[BatchItem] = deque()
        self._coming = 0
        self._answering = False
        self._since = 0.0

    def expect(self) -> None:
        """One more job is going to be decoded."""
        with self._changed:
            self._coming += 1

    def decoded(self, job: BatchItem, threads: Threads) -> None:
        """A job has its pixels (or failed, or was dropped); answer if nobody does."""
        with self._changed:
            self._coming -= 1
            if job.pixels is not None:
                self._decoded.append(job)
            self._changed.notify()
            if self._answering or not self._decoded:
                return
            self._answering = True
        while jobs := self._take():
            threads.deliver(self._outcomes(jobs))

    def busy_seconds(self) -> float:
        """How long the batch that is being answered has taken so far; 0 where there is none."""
        since = self._since
        return time.monotonic() - since if since else 0.0

    def _take(self) -> list[BatchItem]:
        """The next batch; nothing, and nobody is answering, where there is none."""
        with self._changed:
            until = time.monotonic() + self._wait
            while self._coming and self._held() < self._rows:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            jobs: list[BatchItem] = []
            count = 0
            while self._decoded and (not jobs or count < self._rows):
                job = self._decoded.popleft()
                assert job.pixels is not None
                if not job.future.cancelled():
                    jobs.append(job)
                    count += len(job.pixels)
            if not jobs:
                self._answering = False
            return jobs

    def _held(self) -> int:
        return sum(len(job.pixels) for job in self._decoded if job.pixels is not None)

    def _outcomes(self, jobs: list[BatchItem]) -> list[tuple[BatchItem, Outcome]]:
        pixels = [job.pixels for job in jobs if job.pixels is not None]
        self._since = time.monotonic()
        try:
            rows = self._answer(pixels[0] if len(pixels) == 1 else np.concatenate(pixels))
        except BaseException as error:
            return [(job, error) for job in jobs]
        finally:
            self._since = 0.0
        self._sizes(len(rows))
        ends = np.cumsum([len(block) for block in pixels])
        return list(zip(jobs, np.split(rows, ends[:-1]), strict=True))
