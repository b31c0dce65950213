"""Pixels of images in shards, decoded each epoch in worker processes ahead of their batches.

Nothing is kept but the batches under way: memory is bounded by MAX_AHEAD_BYTES, the disk by the
limit of the cache, which holds copies of the shards of this window and of the next one.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.sampling import even_sample
from foveal.dataset.shards.local_copy import CopiedShard, fetch
from foveal.dataset.shards.shard_table import ShardTable
from foveal.dataset.workers.pool import worker_pool
from foveal.dataset.workers.task import ChunkResult, DecodeTask
from foveal.errors import DataError, ImageError
from foveal.processor import available_cores

MAX_AHEAD_BYTES = 256 * 2**20
MAX_AHEAD_BATCHES = 32
"""Decoded pixels of batches that are ready or under way; two batches at least."""
EXPECTED_EPOCHS = 4
"""In each of which every image is decoded: starting worker processes pays for fewer images."""
CHUNK_IMAGES = 32
"""Decoded by one worker at a time."""
FETCH_THREADS = 4
"""Shards that are fetched at a time."""
SAMPLED_IMAGES, SAMPLED_SHARDS = 4096, 16
"""Images by which those of all shards are judged, from the first places of so many shards."""

Rows = NDArray[np.int64]


def worker_count() -> int:
    """Workers of this process: its share of the cores where torchrun has started several here."""
    processes = os.environ.get("LOCAL_WORLD_SIZE", "1")
    return max(1, available_cores() // int(processes if processes.isdecimal() else "1"))


@dataclass(frozen=True)
class Upcoming:
    """The rows of a batch, and the shards that batches will need after those being read."""

    rows: Rows
    next_shards: Sequence[int] = ()


class StreamedPixels:
    """(N, H, W, C) uint8 that are decoded when they are indexed, or ahead where that is expected.

    Indexing with an int, a slice or an int64 array gives an array, as with a memory map.  It raises
    DataError where an image cannot be read or is another than before: no image is left out of a
    run that has begun.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        dataset: Dataset,
        rows: Rows,
        content_hashes: NDArray[np.uint64],
        task: DecodeTask,
        shards: ShardTable,
    ) -> None:
        self.dataset, self.rows, self.content_hashes = dataset, rows, content_hashes
        self.shards = shards
        self.shape = (len(rows), *task.shape)
        self.nbytes = int(np.prod(self.shape))
        self._expected: Iterator[Upcoming] = iter(())
        self._pending: deque[tuple[Rows, list[Future[NDArray[np.uint8]]]]] = deque()
        self._closing = contextlib.ExitStack()
        task, workers = replace(task, pixel_hashes=False), worker_count()
        self._run_chunk = self._closing.enter_context(
            worker_pool(dataset, task, EXPECTED_EPOCHS * len(rows), max_workers=workers)
        )
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="foveal-decode")
        self._fetcher = _Fetcher(shards.copies or ())
        self._close = weakref.finalize(self, _close, self._pool, self._fetcher, self._closing)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: int | np.integer | slice | Rows) -> NDArray[np.uint8]:
        if isinstance(key, int | np.integer):
            one: NDArray[np.uint8] = self[np.array([key], np.int64)][0]
            return one
        places = np.arange(len(self))[key]
        if self._pending and np.array_equal(self._pending[0][0], places):
            _, futures = self._pending.popleft()
        else:
            futures = self._submit(places)
        self._submit_expected()
        return _concatenate([future.result() for future in futures], self.shape[1:])

    def expect(self, batches: Iterable[Upcoming]) -> None:
        """Decode these batches ahead, which are going to be asked for in this order."""
        for _, futures in self._pending:
            for future in futures:
                future.cancel()
        self._pending.clear()
        self._expected = iter(batches)
        self._submit_expected()

    def sample(self) -> Rows:
        """Places of at most SAMPLED_IMAGES images, those at the beginning of some shards."""
        chosen = even_sample(self.shards.count, SAMPLED_SHARDS)
        count = min(SAMPLED_IMAGES, max(1, MAX_AHEAD_BYTES // int(np.prod(self.shape[1:]))))
        each = -(-count // max(1, len(chosen)))
        parts = [np.flatnonzero(self.shards.numbers == number)[:each] for number in chosen]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def close(self) -> None:
        """End the workers; what is asked for later is an error."""
        self._close()

    def _submit_expected(self) -> None:
        image_bytes = int(np.prod(self.shape[1:]))
        under_way = sum(len(places) for places, _ in self._pending) * image_bytes
        while len(self._pending) < 2 or (
            under_way < MAX_AHEAD_BYTES and len(self._pending) < MAX_AHEAD_BATCHES
        ):
            upcoming = next(self._expected, None)
            if upcoming is None:
                return
            self._fetcher.fetch(upcoming.next_shards)
            self._pending.append((upcoming.rows, self._submit(upcoming.rows)))
            under_way += len(upcoming.rows) * image_bytes

    def _submit(self, places: Rows) -> list[Future[NDArray[np.uint8]]]:
        count = max(1, -(-len(places) // CHUNK_IMAGES))
        return [self._pool.submit(self._decode, part) for part in np.array_split(places, count)]

    def _decode(self, places: Rows) -> NDArray[np.uint8]:
        self._fetcher.wait(np.unique(self.shards.numbers[places]).tolist())
        rows = self.rows[places].tolist()
        result = self._run_chunk(rows)
        self._refuse_changes(rows, places, result)
        return np.asarray(result.arrays["pixels"])

    def _refuse_changes(self, rows: Sequence[int], places: Rows, result: ChunkResult) -> None:
        if result.failures:
            position, reason = result.failures[0]
            raise _lost(self.dataset.paths[rows[position]], reason)
        changed = np.flatnonzero(result.arrays["content_hashes"] != self.content_hashes[places])
        if len(changed):
            path = self.dataset.paths[rows[int(changed[0])]]
            raise _lost(path, "it is another image than at the beginning of the run")


Pixels = NDArray[np.uint8] | StreamedPixels


class _Fetcher:
    """Copies shards into the cache in threads; each is asked for as often as one likes."""

    def __init__(self, shards: Sequence[CopiedShard]) -> None:
        self.shards = shards
        self._lock = threading.Lock()
        self._futures: dict[int, Future[bool]] = {}
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="foveal-fetch")

    def fetch(self, numbers: Sequence[int]) -> None:
        """Begin to fetch these, anew where they were fetched for another window."""
        if self.shards:
            with self._lock:
                for number in numbers:
                    self._futures[number] = self._submit(number)

    def wait(self, numbers: Sequence[int]) -> None:
        """Until those among these that are being fetched are there."""
        for number in numbers:
            with self._lock:
                future = self._futures.get(number)
            if future is not None:
                with contextlib.suppress(ImageError):  # reading the image says so, or works now
                    future.result()

    def close(self) -> None:
        """End what is under way."""
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, number: int) -> Future[bool]:
        return self._pool.submit(fetch, self.shards[number], self._ended)


def _close(pool: ThreadPoolExecutor, fetcher: _Fetcher, closing: contextlib.ExitStack) -> None:
    pool.shutdown(wait=False, cancel_futures=True)
    fetcher.close()
    closing.close()


def _concatenate(parts: Sequence[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.concatenate(parts) if parts else np.empty((0, *shape), np.uint8)


def _lost(path: str, reason: str) -> DataError:
    return DataError(
        f"training stopped, as {path} cannot be used any more: {reason}; what was trained is "
        "saved: mend it and continue with --resume"
    )
