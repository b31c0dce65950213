"""Join the processes that torchrun has started: who they are, and how they are connected."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from foveal.errors import Error, UsageError
from foveal.text import first_line_of, plural
from foveal.training.processes.process_group import ALONE, ProcessGroup

if TYPE_CHECKING:
    from foveal.training.processes.shared_memory import SharedMemory

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
STEP_TIMEOUT = timedelta(minutes=10)
"""For which a process waits for the others in a step."""
SETUP_TIMEOUT = timedelta(hours=12)
"""For which a process waits for the first one to decode the images and to plan the run."""


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
        reason = first_line_of(error).removesuffix(".")
        raise Error(
            f"process {group.rank} of {group.size} cannot reach the others through {backend}: "
            f"{reason}; see that all machines reach the rendezvous of torchrun"
        ) from error
    group.memory = _share_memory(group)
    group.waiting = True
    yield group
    dist.destroy_process_group()  # after a failure the others may be gone: the process ends then


def _share_memory(group: ProcessGroup) -> SharedMemory | None:
    """Memory of all processes, where all run on one machine that has it; else None."""
    if group.local_size < group.size or sys.platform != "linux":
        return None
    if platform.machine() != "x86_64":
        return None
    from foveal.training.processes import shared_memory

    path = ""
    if group.rank == 0:
        with contextlib.suppress(OSError):
            path = shared_memory.create_file()
    path = group.broadcast(path.encode()).decode()
    memory = shared_memory.open_file(path, group.rank, group.size, STEP_TIMEOUT)
    return None if any(group.maximum([memory is None])) else memory


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
