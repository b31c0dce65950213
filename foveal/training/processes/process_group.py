"""The processes that train one model together: which of them this one is, and what they exchange.

Processes of one machine exchange what lies in memory through memory that they share, others through
gloo; what lies on GPUs goes through nccl.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from foveal.errors import Error, TrainingError

if TYPE_CHECKING:
    from foveal.training.processes.shared_memory import SharedMemory

_GLOO_TRANSPORT = re.compile(r"\[\S*gloo/transport/\S+\] ")
_OWN_NCCL_ERRORS = (
    "ncclUnhandledCudaError",
    "ncclInternalError",
    "ncclInvalidArgument",
    "ncclInvalidUsage",
)


@dataclass(eq=False)
class ProcessGroup:
    """One process of several that train together; `rank` 0 plans the run and writes its files.

    rank: of 0..size-1.  local_rank, local_size: the same among those of this machine.  restarts:
    how often torchrun has started them again.  control, setup: torch's groups of gloo for what is
    no gradient, with the patience of a step and of decoding.  memory: of all processes, where they
    run on one machine.  waiting: the others wait for rank 0 to plan the run.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    restarts: int = 0
    control: Any = field(default=None, repr=False)
    setup: Any = field(default=None, repr=False)
    memory: SharedMemory | None = field(default=None, repr=False)
    waiting: bool = field(default=False, repr=False)

    def __deepcopy__(self, _: dict[int, Any]) -> ProcessGroup:
        return self  # modules that are copied have the same processes

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
        return self._share_start(self.rank, count), self._share_start(self.rank + 1, count)

    def _share_start(self, rank: int, count: int) -> int:
        return rank * count // self.size

    def rows(self, indices: NDArray[np.int64], following: int = 0) -> NDArray[np.int64]:
        """This process's share of a batch, and so many rows that follow it, cyclically."""
        if self.size == 1:
            return indices
        start, stop = self.bounds(len(indices))
        return np.take(indices, np.arange(start, stop + following), mode="wrap")

    def seed_parts(self) -> tuple[int, ...]:
        """What a seed needs beside the step, where every process draws other numbers."""
        return () if self.size == 1 else (self.rank,)

    def sum(self, tensor: Tensor) -> None:
        """Sum a contiguous tensor over all processes, in place.

        Raises TrainingError where another one is gone.
        """
        with _lost_processes(self):
            if self.memory is not None and tensor.device.type == "cpu":
                self.memory.sum(tensor)
            else:
                dist.all_reduce(tensor)

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
        self.sum(message)
        sizes = [*(len(part) for part in flat), len(values)]
        *parts, sums = torch.split(message, sizes)
        shaped = [part.view(g.shape) for part, g in zip(parts, gradients, strict=True)]
        if gradients:
            torch._foreach_copy_(gradients, shaped)
        return tuple(sums.tolist())

    def all_gather(self, own: Tensor) -> Tensor:
        """(size, n) of the (n,) tensors of all processes."""
        with _lost_processes(self):
            if self.memory is not None and own.device.type == "cpu":
                return self.memory.all_gather(own)
            gathered = own.new_empty((self.size, len(own)))
            dist.all_gather(list(gathered), own)
        return gathered

    def maximum(self, values: Sequence[float], *, patient: bool = False) -> list[float]:
        """Of every value the largest of all processes.

        patient: they may still be decoding images.
        """
        message = torch.tensor(values, dtype=torch.float64)
        with _lost_processes(self):
            if self.memory is not None and not patient:
                message = self.memory.all_gather(message).amax(dim=0)
            elif patient or dist.get_backend() == "gloo":
                group = self.setup if patient else self.control
                dist.all_reduce(message, op=dist.ReduceOp.MAX, group=group)
            else:  # gloo goes round all processes in turn, nccl through a tree of them
                message = message.cuda()
                dist.all_reduce(message, op=dist.ReduceOp.MAX)
        return [float(value) for value in message.cpu()]

    def gather_rows(self, own: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """(count, units) of which every process has the rows of its bounds."""
        if self.size == 1:
            return own
        longest = -(-count // self.size)
        padded = torch.zeros((longest, own.shape[1]))
        padded[: len(own)] = torch.from_numpy(own)
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        with _lost_processes(self):
            dist.all_gather(parts, padded, group=self.control)
        sizes = np.diff([self._share_start(rank, count) for rank in range(self.size + 1)]).tolist()
        return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)]).numpy()

    def broadcast(self, data: bytes = b"") -> bytes:
        """The bytes of rank 0."""
        size = torch.tensor([len(data)])
        with _lost_processes(self):
            dist.broadcast(size, 0, group=self.setup)
            content = torch.frombuffer(bytearray(data or int(size)), dtype=torch.uint8)
            dist.broadcast(content, 0, group=self.setup)
        return content.numpy().tobytes()

    @contextlib.contextmanager
    def failure_told(self) -> Iterator[None]:
        """Where the run cannot be started, rank 0 tells the others, which end without a sentence.

        An error that another process finds before rank 0 has planned the run is rank 0's to tell.
        The connection is closed then, in each of them.
        """
        try:
            yield
        except BaseException as error:
            if self.waiting and self.rank == 0:
                self.waiting = False
                with contextlib.suppress(TrainingError):
                    self.broadcast(json.dumps({"exit_status": _exit_status(error)}).encode())
                    dist.destroy_process_group()
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
            # torch's threads may abort a process that ends connected (torch 2.13)
            dist.destroy_process_group()
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


@contextlib.contextmanager
def _lost_processes(group: ProcessGroup) -> Iterator[None]:
    """Raise TrainingError with one sentence where another process has ended or does not answer.

    Errors of other kinds pass.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, TimeoutError) as error:
        if not _tells_of_another(error):
            raise
        late = isinstance(error, TimeoutError) or "timed out" in str(error).lower()
        what = "has waited too long for" if late else "has lost"
        raise TrainingError(
            f"process {group.rank} of {group.size} {what} another one, which ended, failed or "
            "cannot be reached; the last checkpoint is whole: torchrun --max-restarts goes on from "
            "there, and so does --resume"
        ) from error


def _tells_of_another(error: Exception) -> bool:
    """Whether the connection to another process failed, and not the work of this one.

    gloo raises RuntimeErrors whose words begin with the line of its transport (torch 2.13), shared
    memory ConnectionError and TimeoutError, nccl DistErrors that name a result code.
    """
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    text = str(error)
    if isinstance(error, dist.DistError):
        return not any(code in text for code in _OWN_NCCL_ERRORS)
    return _GLOO_TRANSPORT.match(text) is not None
