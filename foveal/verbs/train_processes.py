"""Train in several processes of this machine: start `foveal train` in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from foveal.errors import MissingExtra, UsageError
from foveal.processor import available_cores
from foveal.progress import Progress, silent
from foveal.text import plural

MAX_PROCESSES_PER_CORE = 4
"""Each holds torch and its share of a batch; thousands would stop the machine."""


def train_in_processes(
    arguments: Sequence[str], processes: int, *, progress: Progress = silent
) -> int:
    """Run `foveal train ARGUMENTS` in so many processes that train one model; the exit status.

    arguments: with --out, as every process has to know the run folder.  Raises UsageError for more
    processes than the machine can hold, and inside those that torchrun has started already.
    """
    cores = available_cores()
    if processes > MAX_PROCESSES_PER_CORE * cores:
        raise UsageError(
            f"--processes is {processes}, and this machine has {plural(cores, 'core')}; give at "
            f"most {MAX_PROCESSES_PER_CORE * cores}"
        )
    if find_spec("torch") is None:
        raise MissingExtra("foveal train", "train")
    from foveal.scale.torchrun import run_processes
    from foveal.training.processes.rendezvous import started_by_torchrun

    if started_by_torchrun():
        raise UsageError(
            "--processes starts the processes itself; leave it out under torchrun, and give "
            "torchrun --nproc-per-node"
        )
    return run_processes(["train", *arguments], processes, tell=progress.message)
