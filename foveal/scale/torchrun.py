"""Start a command several times on this machine, by the agent that torchrun starts processes with.

It does what `torchrun --standalone --nproc-per-node N -m foveal ...` does, and tells what happened
in one sentence instead of a traceback.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable, Sequence

from foveal.errors import UsageError
from foveal.processor import available_cores

MAX_RESTARTS = 3
"""Of all processes, after one was killed."""
STOP_SECONDS = 120
"""For which the processes may finish a step and save, before they are killed."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
WRONG_USAGE = UsageError.exit_status


def run_processes(
    arguments: Sequence[str],
    processes: int,
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Run `python -m foveal ARGUMENTS` in so many processes; the exit status of the command.

    They divide the machine's cores.  Where one is killed all are started again with --resume, at
    most MAX_RESTARTS times.  tell: is called with a sentence on that.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // processes)))
    verb, *rest = words = [*arguments]
    for restarts in range(MAX_RESTARTS + 1):
        status = _run_once(words, processes)
        if status >= 0:
            return status
        if restarts < MAX_RESTARTS:
            name = signal.Signals(-status).name
            tell(f"a process was ended by {name}; the run goes on from its last checkpoint")
        words = words if "--resume" in words else [verb, "--resume", *rest]
    tell(f"processes were killed {MAX_RESTARTS + 1} times; continue with --resume")
    return 1


def _run_once(words: Sequence[str], processes: int) -> int:
    """The exit status; minus the number of a signal that has killed a process."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _silence_agent()
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        shutdown_timeout=STOP_SECONDS,
        signals_to_handle="SIGTERM,SIGINT",
    )
    try:
        elastic_launch(config, sys.executable)("-u", "-m", "foveal", *words)
    except ChildFailedError as error:
        codes = [error.failures[rank].exitcode for rank in sorted(error.failures)]
        return _exit_status(codes)
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0


def _silence_agent() -> None:
    """Show no lines of the agent; each of its modules has a logger with a level of its own."""
    for name in tuple(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _exit_status(codes: Sequence[int]) -> int:
    """Of the exit codes of processes that failed: a killed one's, else the first one's.

    Wrong usage and Ctrl-C count before all others: no process does better in a second start.  Once
    one has ended the agent ends the others by SIGTERM: theirs counts only where there is no other.
    """
    statuses = [128 - code if -code in STOP_SIGNALS else code for code in codes]
    final = [status for status in statuses if status in (WRONG_USAGE, 128 + signal.SIGINT)]
    killed = [status for status in statuses if status < 0]
    ended = 128 + signal.SIGTERM
    failed = [status for status in statuses if status != ended]
    return next(iter((*final, *killed, *failed)), ended)
