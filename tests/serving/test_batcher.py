"""Images are predicted in batches, in bounded time, and each gets its own row."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.errors import ImageError
from foveal.serving.batcher import Batcher, InferencePool


def double(rows: np.ndarray) -> np.ndarray:
    return rows * 2.0


def source(*values: float):
    return lambda: np.array([[value] for value in values])


def run(body, *, threads=2, infer=double, max_rows=8, wait_seconds=0.002, on_batch=lambda _: None):
    async def main():
        pool = InferencePool(threads)
        batcher = Batcher(infer, max_rows=max_rows, wait_seconds=wait_seconds, on_batch=on_batch)
        return await asyncio.wait_for(body(pool, batcher), 30)

    return asyncio.run(main())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 3), st.integers(1, 9))
def test_every_item_gets_its_own_rows(sizes: list[int], threads: int, max_rows: int) -> None:
    async def body(pool, batcher):
        items = [[100.0 * item + row for row in range(size)] for item, size in enumerate(sizes)]
        futures = [pool.submit(batcher, source(*values)) for values in items]
        return items, [rows.ravel().tolist() for rows in await asyncio.gather(*futures)]

    items, results = run(body, threads=threads, max_rows=max_rows)
    assert results == [[2 * value for value in values] for values in items]


def test_a_batch_fills_while_another_runs() -> None:
    batches: list[float] = []
    release = threading.Event()

    def infer(rows):
        release.wait(30)
        return rows

    async def body(pool, batcher):
        first = pool.submit(batcher, source(0))
        while batcher.running_seconds() == 0:
            await asyncio.sleep(0.001)
        rest = [pool.submit(batcher, source(value)) for value in range(1, 9)]
        release.set()
        await asyncio.gather(first, *rest)

    run(body, infer=infer, on_batch=batches.append, wait_seconds=60.0)
    assert batches == [1, 8]


def test_a_single_image_does_not_wait() -> None:
    async def body(pool, batcher):
        return await pool.submit(batcher, source(1))

    assert run(body, wait_seconds=60.0).item() == 2.0  # `run` gives up after half of that


def test_waiting_for_a_slow_image_is_bounded() -> None:
    release = threading.Event()

    def slow():
        release.wait(30)
        return np.array([[2.0]])

    async def body(pool, batcher):
        late = pool.submit(batcher, slow)
        first = await pool.submit(batcher, source(1))
        assert not late.done()
        release.set()
        return first.item(), (await late).item()

    batches = []
    assert run(body, on_batch=batches.append, wait_seconds=0.2) == (2.0, 4.0)
    assert batches == [1, 1]


def test_an_unreadable_image_fails_alone() -> None:
    def broken():
        raise ImageError("it is cut off")

    async def body(pool, batcher):
        futures = [pool.submit(batcher, each) for each in (source(1), broken, source(2))]
        return await asyncio.gather(*futures, return_exceptions=True)

    first, second, third = run(body)
    assert (first.item(), third.item()) == (2.0, 4.0)
    assert isinstance(second, ImageError)


def test_an_exception_fails_its_batch_and_no_other() -> None:
    calls: list[int] = []

    def infer(rows):
        calls.append(len(rows))
        if len(calls) == 1:
            raise RuntimeError("out of memory")
        return rows

    async def body(pool, batcher):
        with pytest.raises(RuntimeError, match="out of memory"):
            await pool.submit(batcher, source(1))
        return await pool.submit(batcher, source(1))

    assert run(body, infer=infer).item() == 1.0


def test_cancelled_items_are_not_decoded() -> None:
    decoded: list[int] = []
    release = threading.Event()

    def blocking():
        release.wait(30)
        return np.array([[0.0]])

    def counting():
        decoded.append(1)
        return np.array([[1.0]])

    async def body(pool, batcher):
        first = pool.submit(batcher, blocking)
        dropped = [pool.submit(batcher, counting) for _ in range(5)]
        last = pool.submit(batcher, counting)
        for future in dropped:
            future.cancel()
        release.set()
        await asyncio.gather(first, last)

    run(body, threads=1)
    assert decoded == [1]


def test_running_seconds_shows_a_batch_that_hangs() -> None:
    release = threading.Event()

    def infer(rows):
        release.wait(30)
        return rows

    async def body(pool, batcher):
        assert batcher.running_seconds() == 0.0
        future = pool.submit(batcher, source(1))
        while batcher.running_seconds() < 0.1:
            await asyncio.sleep(0.01)
        release.set()
        await future
        return batcher.running_seconds()

    assert run(body, infer=infer) == 0.0
