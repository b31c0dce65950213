"""Messages between the processes of one machine, through memory that all of them map.

gloo sends a message through the loopback network and wakes threads on both sides; here a process
writes it where the others read it, and they look until it is there. Linux on x86-64 only, which
lets others see writes in the order in which they are made.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from contextlib import suppress
from datetime import timedelta

import torch
from torch import Tensor

CHUNK_BYTES = 2**20
"""Of a message that are exchanged at a time."""
SLICED_BYTES = 2**15
"""Where more than two processes sum this many bytes, each adds up a slice of them for all."""
LINE_BYTES = 64
"""Of a processor's cache line: the counters of two processes never share one."""
SPINS, YIELD_SECONDS, PAUSE_SECONDS = 100, 0.002, 0.0001
"""How a process waits: it looks so often, yields its core so long, then pauses between looks."""
CHECK_SECONDS = 0.2
"""Between two looks whether a process that is waited for has ended."""


class SharedMemory:
    """Memory of `size` processes, seen by the one of this rank.

    file: descriptor of an empty file, the same in all.  timeout: after which waiting for another
    process raises TimeoutError; its end raises ConnectionError.  Every process must make the same
    calls, with tensors of one dtype and length.
    """

    def __init__(self, file: int, rank: int, size: int, timeout: timedelta) -> None:
        self.rank, self.size, self._timeout = rank, size, timeout.total_seconds()
        header = size * LINE_BYTES
        length = header + 2 * size * CHUNK_BYTES
        os.posix_fallocate(file, 0, length)
        self._file = file
        self._map = mmap.mmap(file, length)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)  # the kernel ends it with us
        self._counters = memoryview(self._map)[:header].cast("q")
        self._stride = LINE_BYTES // 8
        chunks = torch.frombuffer(self._map, dtype=torch.uint8, offset=header)
        self._chunks = chunks.view(2, size, CHUNK_BYTES)
        self._half = 0
        self._count = 0

    def sum(self, tensor: Tensor) -> None:
        """Sum a contiguous tensor over all processes, in place; the same bits in each."""
        flat = tensor.view(-1)
        for part in torch.split(flat, CHUNK_BYTES // flat.element_size()):
            sliced = self.size > 2 and part.numel() * part.element_size() >= SLICED_BYTES
            (self._sum_slices if sliced else self._sum_whole)(part)

    def all_gather(self, own: Tensor) -> Tensor:
        """(size, n) of the (n,) tensors of all processes."""
        gathered = own.new_empty((self.size, len(own)))
        length = CHUNK_BYTES // own.element_size()
        parts, targets = torch.split(own, length), torch.split(gathered, length, dim=1)
        for part, target in zip(parts, targets, strict=True):
            for row, other in zip(target, self._exchange(part), strict=True):
                row.copy_(other)
        return gathered

    def _exchange(self, own: Tensor) -> list[Tensor]:
        """Views of what all processes wrote, which stay until the call after the next one.

        There are two halves: who writes into one again has met the others in between, so that
        they have read it.
        """
        self._half = 1 - self._half
        length = own.numel() * own.element_size()
        views = [chunk[:length].view(own.dtype) for chunk in self._chunks[self._half]]
        views[self.rank].copy_(own)
        self._meet()
        return views

    def _sum_whole(self, part: Tensor) -> None:
        _add(self._exchange(part), part)

    def _sum_slices(self, part: Tensor) -> None:
        parts = self._exchange(part)
        own = [other.tensor_split(self.size)[self.rank] for other in parts]
        _add(own, own[self.rank])  # this slice of its chunk no other process reads before they meet
        self._meet()
        for rank, target in enumerate(part.tensor_split(self.size)):
            target.copy_(parts[rank].tensor_split(self.size)[rank])

    def _meet(self) -> None:
        """Wait until every process has come as far."""
        self._count += 1
        self._counters[self.rank * self._stride] = self._count
        for rank in range(self.size):
            place = rank * self._stride
            for _ in range(SPINS):
                if self._counters[place] >= self._count:
                    break
            else:
                self._wait(rank)

    def _wait(self, rank: int) -> None:
        place, started, checks = rank * self._stride, time.monotonic(), 1
        while self._counters[place] < self._count:
            waited = time.monotonic() - started
            if waited < YIELD_SECONDS:
                time.sleep(0)  # other threads of this process
                os.sched_yield()  # and other processes
                continue
            time.sleep(PAUSE_SECONDS)
            if waited > checks * CHECK_SECONDS:
                checks += 1
                if self._has_ended(rank) and self._counters[place] < self._count:
                    raise ConnectionError(f"process {rank} has ended")
                if waited > self._timeout:
                    raise TimeoutError(f"waiting for process {rank} timed out")

    def _has_ended(self, rank: int) -> bool:
        """Whether nobody holds the lock of that process."""
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)
            return True
        return False


def _add(parts: list[Tensor], out: Tensor) -> None:
    """Their sum, in the order of the ranks; `out` may be one of them."""
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    out.copy_(total)


def create_file() -> str:
    """The path of an empty file in memory, open in this process until it ends."""
    return f"/proc/{os.getpid()}/fd/{os.memfd_create('foveal')}"


def open_file(path: str, rank: int, size: int, timeout: timedelta) -> SharedMemory | None:
    """The memory behind a path of `create_file`; None where it cannot be opened here."""
    try:
        return SharedMemory(os.open(path, os.O_RDWR | os.O_CLOEXEC), rank, size, timeout)
    except OSError:
        return None
