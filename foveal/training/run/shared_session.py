"""A run that several processes train: rank 0 plans it and writes its files, the others follow.

Rank 0 prepares the run as a single process does, while the others wait. Then they get its plan and
its state, open the same images, and from there all of them take the same steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load, save

from foveal.errors import DataError, Error, TrainingError
from foveal.processor import available_cores
from foveal.progress import silent
from foveal.training.checkpoint import Checkpoint
from foveal.training.device import select_device
from foveal.training.processes.process_group import ProcessGroup
from foveal.training.processes.synchronised_norm import synchronise_norms
from foveal.training.run.resume import decode_planned_data
from foveal.training.setup.budget import Budget
from foveal.training.setup.request import TrainRequest
from foveal.training.setup.resumed_session import resume_session
from foveal.training.setup.session import TrainSession
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask


def share_session(state: TrainingState, task: TrainTask, plan: dict[str, Any]) -> None:
    """Give the others the session of rank 0; raises TrainingError where one cannot follow."""
    processes = task.processes
    if processes.size == 1:
        return
    position, tensors = state.pack()
    processes.send_plan({"plan": plan, "position": position})
    processes.broadcast(save({name: value.contiguous() for name, value in tensors.items()}))
    if any(processes.maximum([0.0], patient=True)):
        raise TrainingError(
            "another process of this run could not start; its own message says why, and the run "
            "can be continued with --resume"
        )
    synchronise_norms(state.module, processes)


def follow_session(
    request: TrainRequest, processes: ProcessGroup, plan: dict[str, Any]
) -> TrainSession:
    """The session of rank 0 in another process; SystemExit where a third one cannot follow.

    plan: what `receive_plan` gave.  Raises DataError where DATA is another one here.
    """
    tensors = load(processes.broadcast())
    failure: Error | None = None
    try:
        session = _open_session(request, processes, Checkpoint(0, plan, tensors))
    except Error as error:
        failure = error
    if any(processes.maximum([float(failure is not None)], patient=True)):
        if failure is not None:
            raise failure
        raise SystemExit(1)
    synchronise_norms(session.state.module, processes)
    return session


def _open_session(
    request: TrainRequest, processes: ProcessGroup, checkpoint: Checkpoint
) -> TrainSession:
    """The images are decoded once a machine: others wait for the lock of the pixel cache."""
    plan = checkpoint.metadata["plan"]
    data = decode_planned_data(request, plan, silent)
    if data.run_data.fingerprint != plan["data"]:
        raise DataError(
            f"process {processes.rank} of {processes.size} finds other training or val images in "
            f"{data.run_data.root} than the first process; give every machine the same DATA"
        )
    device = select_device(request.device)
    return resume_session(checkpoint, data, device, Budget(math.inf), processes=processes)


def agree(state: TrainingState, task: TrainTask) -> None:
    """Between two records: take over the length that rank 0 has decided, and stop together.

    A signal that any process has got is raised in all of them.
    """
    processes, position = task.processes, state.position
    if processes.size == 1:
        return
    cycle = [-1.0, -1.0, -1.0]
    if processes.rank == 0:
        offset = position.progress_offset, position.progress_offset_step
        cycle = [float(position.cycle_steps), *offset]
    signal, steps, progress, at_step = processes.maximum([task.interrupts.pending_signal, *cycle])
    position.cycle_steps = int(steps)
    position.progress_offset, position.progress_offset_step = progress, int(at_step)
    if signal:
        task.interrupts.raise_signal(int(signal))


@contextmanager
def signals_until_agreed(task: TrainTask) -> Iterator[None]:
    """Hold signals back where several processes train: `agree` raises them in all at one step."""
    if task.processes.size == 1:
        yield
        return
    with task.interrupts:
        yield


@contextmanager
def all_cores(processes: ProcessGroup) -> Iterator[None]:
    """Let the first process compute with all cores of its machine, while the others wait."""
    if processes.size == 1:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(available_cores())
    try:
        yield
    finally:
        torch.set_num_threads(threads)
