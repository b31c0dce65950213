"""Images are answered together, in bounded time, and each gets its own row."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.errors import ImageError
from foveal.serving.batcher import Batcher, Threads


def double(rows: np.ndarray) -> np.ndarray:
    return rows * 2.0


def source(*values: float):
    return lambda: np.array([[value] for value in values])


def run(body, *, count: int = 2, answer=double, rows: int = 8, wait: float = 0.002, sizes=None):
    async def main():
        threads = Threads(count, asyncio.get_running_loop())
        batcher = Batcher(answer, rows=rows, wait_seconds=wait, sizes=sizes or (lambda _: None))
        return await asyncio.wait_for(body(threads, batcher), 10)

    return asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 3), st.integers(1, 9))
def test_every_job_gets_its_own_rows(sizes: list[int], count: int, rows: int) -> None:
    async def body(threads, batcher):
        jobs = [[100.0 * job + row for row in range(size)] for job, size in enumerate(sizes)]
        futures = [threads.submit(batcher, source(*values)) for values in jobs]
        return jobs, [found.ravel().tolist() for found in await asyncio.gather(*futures)]

    jobs, found = run(body, count=count, rows=rows)
    assert found == [[2 * value for value in values] for values in jobs]


def test_a_batch_gathers_while_another_is_answered() -> None:
    batches: list[float] = []
    hold = threading.Event()

    def answer(rows):
        hold.wait(5)
        return rows

    async def body(threads, batcher):
        first = threads.submit(batcher, source(0))
        while batcher.busy_seconds() == 0:
            await asyncio.sleep(0.001)
        rest = [threads.submit(batcher, source(value)) for value in range(1, 9)]
        await asyncio.sleep(0.05)
        hold.set()
        await asyncio.gather(first, *rest)

    run(body, answer=answer, rows=8, sizes=batches.append)
    assert batches == [1, 8]


def test_a_image_that_comes_alone_does_not_wait() -> None:
    async def body(threads, batcher):
        began = time.monotonic()
        await threads.submit(batcher, source(1))
        return time.monotonic() - began

    assert run(body, wait=5.0) < 1.0


def test_waiting_for_a_slow_image_is_bounded() -> None:
    release = threading.Event()

    def slow():
        release.wait(5)
        return np.array([[2.0]])

    async def body(threads, batcher):
        late = threads.submit(batcher, slow)
        began = time.monotonic()
        await threads.submit(batcher, source(1))
        took = time.monotonic() - began
        release.set()
        await late
        return took

    assert 0.2 <= run(body, wait=0.2) < 1.0


def test_a_image_that_cannot_be_read_fails_alone() -> None:
    def broken():
        raise ImageError("it is cut off")

    async def body(threads, batcher):
        futures = [threads.submit(batcher, each) for each in (source(1), broken, source(2))]
        return await asyncio.gather(*futures, return_exceptions=True)

    first, second, third = run(body)
    assert (first.item(), third.item()) == (2.0, 4.0)
    assert isinstance(second, ImageError)


def test_a_network_that_fails_fails_its_batch_and_no_other() -> None:
    calls: list[int] = []

    def answer(rows):
        calls.append(len(rows))
        if len(calls) == 1:
            raise RuntimeError("out of memory")
        return rows

    async def body(threads, batcher):
        with pytest.raises(RuntimeError, match="out of memory"):
            await threads.submit(batcher, source(1))
        return await threads.submit(batcher, source(1))

    assert run(body, answer=answer).item() == 1.0


def test_work_that_nobody_waits_for_is_dropped() -> None:
    decoded: list[int] = []
    hold = threading.Event()

    def blocking():
        hold.wait(5)
        return np.array([[0.0]])

    def counting():
        decoded.append(1)
        return np.array([[1.0]])

    async def body(threads, batcher):
        first = threads.submit(batcher, blocking)
        dropped = [threads.submit(batcher, counting) for _ in range(5)]
        kept = threads.submit(batcher, counting)
        for future in dropped:
            future.cancel()
        hold.set()
        await asyncio.gather(first, kept)

    run(body, count=1)
    assert decoded == [1]


def test_busy_seconds_tells_of_a_batch_that_hangs() -> None:
    hold = threading.Event()

    def answer(rows):
        hold.wait(5)
        return rows

    async def body(threads, batcher):
        assert batcher.busy_seconds() == 0.0
        future = threads.submit(batcher, source(1))
        await asyncio.sleep(0.2)
        busy = batcher.busy_seconds()
        hold.set()
        await future
        return busy, batcher.busy_seconds()

    busy, after = run(body, answer=answer)
    assert 0.1 < busy < 2.0
    assert after == 0.0
