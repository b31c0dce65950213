"""The processes that train one model together: which of them this one is, and what they exchange.

torchrun starts them. Sums of gradients and statistics go through gloo on processors and nccl on
GPUs; everything else is small, lies in memory, and goes through gloo.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from foveal.errors import Error, TrainingError, UsageError
from foveal.text import plural

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
STEP_TIMEOUT = timedelta(minutes=10)
"""For which a process waits for the others in a step."""
SETUP_TIMEOUT = timedelta(hours=12)
"""For which a process waits for the first one to decode the images and to plan the run."""


@dataclass(eq=False)
class ProcessGroup:
    """One process of several that train together; `rank` 0 plans the run and writes its files.

    rank: of 0..size-1.  local_rank, local_size: the same among those of this machine.  restarts:
    how often torchrun has started them again.  control, setup: torch's groups of gloo for what is
    no gradient, with the patience of a step and of decoding.  waiting: the others wait for rank 0
    to plan the run.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    restarts: int = 0
    control: Any = field(default=None, repr=False)
    setup: Any = field(default=None, repr=False)
    waiting: bool = field(default=False, repr=False)

    @property
    def machines(self) -> int:
        """Machines on which the processes run, where all run as many."""
        return max(1, self.size // self.local_size)

    def speedup(self, device: str) -> int:
        """How much faster than one process, which alone uses all processors, or one GPU."""
        return self.machines if device == "cpu" else self.size

    def bounds(self, count: int) -> tuple[int, int]:
        """The rows of `count` that are this process's: consecutive, shares differ by at most 1.

        Half as many processes have the shares of two each.
        """
        return self.rank * count // self.size, (self.rank + 1) * count // self.size

    def rows(self, indices: NDArray[np.int64], following: int = 0) -> NDArray[np.int64]:
        """This process's share of a batch, and so many rows that follow it, cyclically."""
        if self.size == 1:
            return indices
        start, stop = self.bounds(len(indices))
        return np.take(indices, np.arange(start, stop + following), mode="wrap")

    def seed_parts(self) -> tuple[int, ...]:
        """What a seed needs beside the step, where every process draws other numbers."""
        return () if self.size == 1 else (self.rank,)

    def sum_gradients(self, parameters: Sequence[Tensor], *values: float) -> tuple[float, ...]:
        """Add up the gradients of all processes in place, and also the values, which are returned.

        In one message, after the backward pass.
        """
        if self.size == 1:
            return values
        gradients = [p.grad for p in parameters if p.grad is not None]
        device = gradients[0].device if gradients else torch.device("cpu")
        flat = [gradient.reshape(-1) for gradient in gradients]
        message = torch.cat([*flat, torch.tensor(values, dtype=torch.float32, device=device)])
        all_reduce(message)
        sizes = [*(len(part) for part in flat), len(values)]
        *parts, sums = torch.split(message, sizes)
        shaped = [part.view(g.shape) for part, g in zip(parts, gradients, strict=True)]
        if gradients:
            torch._foreach_copy_(gradients, shaped)
        return tuple(sums.tolist())

    def all_gather(self, own: Tensor) -> list[Tensor]:
        """The tensors of all processes, which have one shape."""
        parts = [torch.empty_like(own) for _ in range(self.size)]
        with _lost_processes():
            dist.all_gather(parts, own)
        return parts

    def maximum(self, values: Sequence[float], *, patient: bool = False) -> list[float]:
        """Of every value the largest of all processes.

        patient: they may still be decoding images.
        """
        message = torch.tensor(values, dtype=torch.float64)
        with _lost_processes():
            group = self.setup if patient else self.control
            dist.all_reduce(message, op=dist.ReduceOp.MAX, group=group)
        return [float(value) for value in message]

    def gather_rows(self, own: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """(count, units) of which every process has the rows of its bounds."""
        if self.size == 1:
            return own
        longest = -(-count // self.size)
        padded = torch.zeros((longest, own.shape[1]))
        padded[: len(own)] = torch.from_numpy(own)
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        with _lost_processes():
            dist.all_gather(parts, padded, group=self.control)
        sizes = np.diff(np.arange(self.size + 1) * count // self.size).tolist()
        return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)]).numpy()

    def broadcast(self, data: bytes = b"") -> bytes:
        """The bytes of rank 0."""
        size = torch.tensor([len(data)])
        with _lost_processes():
            dist.broadcast(size, 0, group=self.setup)
            content = torch.frombuffer(bytearray(data or int(size)), dtype=torch.uint8)
            dist.broadcast(content, 0, group=self.setup)
        return content.numpy().tobytes()

    @contextlib.contextmanager
    def failure_told(self) -> Iterator[None]:
        """Where the run cannot be started, rank 0 tells the others, which end without a sentence.

        An error that another process finds before rank 0 has planned the run is rank 0's to tell.
        """
        try:
            yield
        except BaseException as error:
            if self.waiting and self.rank == 0:
                self.waiting = False
                with contextlib.suppress(TrainingError):
                    self.broadcast(json.dumps({"exit_status": _exit_status(error)}).encode())
            elif self.waiting and isinstance(error, Error):
                self.receive_plan()
            raise

    def send_plan(self, plan: dict[str, Any]) -> None:
        """Tell the others, which wait, what rank 0 has planned, as JSON data."""
        if self.waiting:
            self.waiting = False
            self.broadcast(json.dumps(plan).encode())

    def receive_plan(self) -> dict[str, Any]:
        """What rank 0 has planned; SystemExit where it could not."""
        self.waiting = False
        plan: dict[str, Any] = json.loads(self.broadcast())
        if "exit_status" in plan:
            raise SystemExit(plan["exit_status"])
        return plan


ALONE = ProcessGroup()
"""The only process of a run."""


def _exit_status(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    return error.exit_status if isinstance(error, Error) else 1


def all_reduce(tensor: Tensor) -> None:
    """Sum a tensor over all processes, in place; TrainingError where another one is gone."""
    with _lost_processes():
        dist.all_reduce(tensor)


@contextlib.contextmanager
def _lost_processes() -> Iterator[None]:
    """Raise TrainingError with one sentence where another process has ended or does not answer."""
    try:
        yield
    except RuntimeError as error:
        rank, size = dist.get_rank(), dist.get_world_size()
        late = "timed out" in str(error).lower()
        what = "has waited too long for" if late else "has lost"
        raise TrainingError(
            f"process {rank} of {size} {what} another one, which ended, failed or cannot be "
            "reached; the last checkpoint is whole: torchrun --max-restarts goes on from there, "
            "and so does --resume"
        ) from error


def started_by_torchrun() -> bool:
    """Whether torchrun has started this process."""
    return dist.is_available() and dist.is_torchelastic_launched()


def launched_rank() -> int:
    """The rank that torchrun gave this process; 0 without torchrun."""
    return _launched().rank


def _launched() -> ProcessGroup:
    """What torchrun's environment says; one process without torchrun."""
    if not started_by_torchrun():
        return ALONE
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT")
    try:
        rank, size, local_rank, local_size, restarts = (int(os.environ[name]) for name in names)
    except (KeyError, ValueError) as error:
        raise UsageError(
            "torchrun's environment is incomplete: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE "
            "and TORCHELASTIC_RESTART_COUNT must be whole numbers; start the processes with "
            "torchrun, or with foveal train --processes"
        ) from error
    return ProcessGroup(rank, size, local_rank, local_size, restarts)


@contextlib.contextmanager
def join_processes(device: str) -> Iterator[ProcessGroup]:
    """The processes that torchrun started, connected in the block; ALONE without torchrun.

    device: as it was asked for.  Raises UsageError where it cannot be shared so, Error where the
    others cannot be reached.
    """
    group = _launched()
    if group.size == 1:
        yield group
        return
    backend = BACKENDS[_device_type(device, group)]
    try:
        _connect(backend, group)
        group.control = dist.new_group(backend="gloo", timeout=STEP_TIMEOUT)
        group.setup = dist.new_group(backend="gloo", timeout=SETUP_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise Error(
            f"process {group.rank} of {group.size} cannot reach the others through {backend}: "
            f"{str(error).splitlines()[0]}; see that all machines reach the rendezvous of torchrun"
        ) from error
    group.waiting = True
    yield group
    dist.destroy_process_group()  # after a failure the others may be gone: the process ends then


def _connect(backend: str, group: ProcessGroup) -> None:
    """Join torch's process group, and find out whether torchrun has started the run before."""
    store, _, _ = next(
        dist.rendezvous("env://", group.rank, group.size, timeout=STEP_TIMEOUT)  # type: ignore[attr-defined]
    )
    if group.rank == 0:
        group.restarts = max(group.restarts, store.add("foveal/starts", 1) - 1)
    dist.init_process_group(
        backend,
        store=dist.PrefixStore(_name_of_start(store, group), store),  # type: ignore[attr-defined]
        rank=group.rank,
        world_size=group.size,
        timeout=STEP_TIMEOUT,
    )


def _name_of_start(store: Any, group: ProcessGroup) -> str:
    """A name that the processes of this start share, and no earlier ones.

    torchrun's store keeps what was written before a restart (torch 2.13), such as addresses of
    processes that are gone, and restarts are counted by each machine for itself.
    """
    own = uuid.uuid4().hex
    if group.rank:
        store.set(f"foveal/request/{group.rank}", own)
        name: str = store.get(f"foveal/answer/{own}").decode()
        store.set(f"foveal/known/{name}/{group.rank}", "")
        return name
    unknowing = set(range(1, group.size))
    deadline = time.monotonic() + STEP_TIMEOUT.total_seconds()
    while unknowing:
        for rank in tuple(unknowing):
            if store.check([f"foveal/request/{rank}"]):  # of this start, or of one before
                request = store.get(f"foveal/request/{rank}").decode()
                store.set(f"foveal/answer/{request}", own)
            if store.check([f"foveal/known/{own}/{rank}"]):
                unknowing.remove(rank)
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {min(unknowing)} does not answer")
        time.sleep(0.02)
    return own


def _device_type(device: str, group: ProcessGroup) -> str:
    """`cpu`, or `cuda` with this process's own GPU selected."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in BACKENDS:
        raise UsageError(f"several processes cannot train on {device}; give --device cpu or cuda")
    if device == "cuda":
        gpus = torch.cuda.device_count()
        if group.local_size > gpus:
            raise UsageError(
                f"{group.local_size} processes were started here, but this machine has "
                f"{plural(gpus, 'GPU')}; start one process a GPU, or give --device cpu"
            )
        torch.cuda.set_device(group.local_rank)
    return device
