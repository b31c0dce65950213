"""Runs a task on many rows in parallel, in order, with few results in memory.

Few rows are shared among threads, as decoders release the interpreter's lock; many among worker
processes (see `worker`), because a small image takes longer in the interpreter than in the
decoder, so that threads would wait for each other.
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
from foveal.images.memory import NeedsMoreMemory, decoding_budget
from foveal.processor import available_cores

Row = TypeVar("Row")
Result = TypeVar("Result")
Process = subprocess.Popen[bytes]

MIN_ROWS_FOR_PROCESSES = 4096
"""Fewer rows take less time than starting processes, a quarter of a second each."""


def map_chunks(
    dataset: Dataset, task: ScanTask | DecodeTask, rows: Sequence[int], chunk_size: int
) -> Generator[tuple[Sequence[int], ChunkResult]]:
    """Run the task on rows of a data set, `chunk_size` at a time; (rows, result) in order."""
    with (
        worker_pool(dataset, task, len(rows)) as run_chunk,
        contextlib.closing(map_ordered(run_chunk, rows, chunk_size)) as results,
    ):
        yield from results


@contextlib.contextmanager
def worker_pool(
    dataset: Dataset, task: ScanTask | DecodeTask, count: int, max_workers: int = 2**31
) -> Iterator[Callable[[Sequence[int]], ChunkResult]]:
    """A thread-safe function that runs the task on a chunk of rows.

    count: of all rows, by which processes are started or not; at most max_workers and one a core.
    """
    wanted = min(available_cores(), max_workers) if count >= MIN_ROWS_FOR_PROCESSES else 0
    workers = _start_workers(dataset.root, task, wanted)
    idle: SimpleQueue[Process] = SimpleQueue()
    for process in workers:
        idle.put(process)

    def run_chunk(rows: Sequence[int]) -> ChunkResult:
        with contextlib.suppress(Empty, OSError, EOFError, ValueError):
            process = idle.get_nowait()
            try:
                result = _send(process, [_file_of(dataset, row) for row in rows])
            except NeedsMoreMemory:
                idle.put(process)  # this process decodes it, when its memory allows
            else:
                idle.put(process)
                return result
        # No worker was started, or it was killed or could not import Foveal: run it here.
        return run_task(task, lambda position: dataset.read(rows[position]), len(rows))

    try:
        yield run_chunk
    finally:
        for process in workers:
            process.kill()
            process.communicate()


def _start_workers(root: Path, task: ScanTask | DecodeTask, count: int) -> list[Process]:
    """So many worker processes, each with the task; fewer where the system starts no more."""
    workers: list[Process] = []
    memory_bytes = decoding_budget.limit // available_cores()
    environment = _worker_environment()
    with contextlib.suppress(OSError):
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "foveal.dataset.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            workers.append(process)
            assert process.stdin is not None
            process.stdin.write(worker.encode_task(task, root, memory_bytes))
    return workers


def _worker_environment() -> dict[str, str]:
    """The environment with this package on the path and one thread a process."""
    package = str(Path(foveal.__file__).parent.parent)
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": path}


def _file_of(dataset: Dataset, row: int) -> worker.File:
    return dataset.archive_members[row] if dataset.archive_members else dataset.paths[row]


def _send(process: Process, files: Sequence[worker.File]) -> ChunkResult:
    """Have a worker process run its task on a chunk of files."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(worker.encode_files(files))
    process.stdin.flush()
    return worker.read_result(process.stdout)


def map_ordered(
    function: Callable[[Sequence[Row]], Result], rows: Sequence[Row], chunk_size: int
) -> Generator[tuple[Sequence[Row], Result]]:
    """Call `function` on consecutive chunks of `rows` in threads; (chunk, result) in order.

    At most two chunks a thread are in flight. Closing the iterator waits for those.
    """
    count = available_cores()
    pending: deque[tuple[Sequence[Row], Future[Result]]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="foveal") as pool:
        try:
            for start in range(0, len(rows), chunk_size):
                chunk = rows[start : start + chunk_size]
                pending.append((chunk, pool.submit(function, chunk)))
                if len(pending) > 2 * count:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
