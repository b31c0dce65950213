"""The same work on many rows at once, in order, with little held in memory.

Knows nothing of what is done. Few rows are shared by threads, since decoders release the
interpreter's lock; many by processes of their own (see `hand`), because a small image takes
longer in the interpreter than in the decoder, and threads then only wait for each other.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

import foveal
from foveal.dataset.dataset import Dataset
from foveal.dataset.workers import worker
from foveal.dataset.workers.task import ChunkResult, DecodeTask, ScanTask, run_task
from foveal.processor import available_cores

Row = TypeVar("Row")
Done = TypeVar("Done")

MIN_ROWS_FOR_PROCESSES = 4096
"""From so many rows on, starting processes (a quarter of a second each) pays."""


def map_chunks(
    listing: Dataset, task: ScanTask | DecodeTask, rows: Sequence[int], chunk_size: int
) -> Generator[tuple[Sequence[int], ChunkResult]]:
    """The job on rows of a listing, `size` at a time: (rows, what they gave) in order."""
    with (
        _chunk_function(listing, task, len(rows)) as ask,
        contextlib.closing(map_ordered(ask, rows, chunk_size)) as parts,
    ):
        yield from parts


@contextlib.contextmanager
def _chunk_function(
    listing: Dataset, job: ScanTask | DecodeTask, count: int
) -> Iterator[Callable[[Sequence[int]], ChunkResult]]:
    """What does the job on some rows; threads may call it at once."""
    started = _start_workers(listing.root, job) if count >= MIN_ROWS_FOR_PROCESSES else []
    idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
    for one in started:
        idle.put(one)

    def ask(rows: Sequence[int]) -> ChunkResult:
        with contextlib.suppress(Empty, OSError, EOFError, ValueError):
            chosen = idle.get_nowait()
            found = _ask_worker(chosen, [_file_of(listing, row) for row in rows])
            idle.put(chosen)
            return found
        # None was started, or it was killed or could not import us: then here.
        return run_task(job, lambda place: listing.read(rows[place]), len(rows))

    try:
        yield ask
    finally:
        for one in started:
            one.kill()
            one.communicate()


def _start_workers(root: Path, job: ScanTask | DecodeTask) -> list[subprocess.Popen[bytes]]:
    """One process a processor, each told the job."""
    home = str(Path(foveal.__file__).parent.parent)
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    started: list[subprocess.Popen[bytes]] = []
    with contextlib.suppress(OSError):
        for _ in range(available_cores()):
            one = subprocess.Popen(
                [sys.executable, "-P", "-m", "foveal.dataset.workers.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, **threads, "PYTHONPATH": path},
            )  # fmt: skip
            started.append(one)
            assert one.stdin is not None
            one.stdin.write(worker.encode_task(job, root))
    return started


def _file_of(listing: Dataset, row: int) -> worker.File:
    return listing.archive_members[row] if listing.archive_members else listing.paths[row]


def _ask_worker(one: subprocess.Popen[bytes], files: Sequence[worker.File]) -> ChunkResult:
    assert one.stdin is not None
    assert one.stdout is not None
    one.stdin.write(worker.encode_files(files))
    one.stdin.flush()
    return worker.read_result(one.stdout)


def map_ordered(
    work: Callable[[Sequence[Row]], Done], rows: Sequence[Row], chunk_size: int
) -> Generator[tuple[Sequence[Row], Done]]:
    """`work` on consecutive chunks of `rows`, by threads; yields (chunk, result) in order.

    At most two chunks a thread are under way. Closing the iterator waits for those.
    """
    count = available_cores()
    waiting: deque[tuple[Sequence[Row], Future[Done]]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="foveal") as pool:
        try:
            for start in range(0, len(rows), chunk_size):
                chunk = rows[start : start + chunk_size]
                waiting.append((chunk, pool.submit(work, chunk)))
                if len(waiting) > 2 * count:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
