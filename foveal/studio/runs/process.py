"""The process of a run: start it apart from the server, and ask it to stop.

It has a session of its own and writes into run.log, so that it goes on when the server is killed.
Which process a run has is read from the lock of its folder, never from a number alone.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from foveal.filelock import lock_holder
from foveal.processor import environment_at_full_speed
from foveal.studio.kept import read_tail
from foveal.studio.runs.request import RUN_LOG

COMMAND_MARK = "$ foveal "
"""Begins the line of run.log that a start writes."""
STOP_SIGNAL = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)  # the first one: untested
NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # of Windows: untested
MAX_LOG_BYTES = 64 << 10
"""Of the end of run.log that are read."""


def start_process(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Run `foveal ARGUMENTS` in a session of its own; what it prints is appended to run.log."""
    with (folder / RUN_LOG).open("ab") as log:
        log.write(f"{COMMAND_MARK}{shlex.join(arguments)}\n".encode("utf-8", "backslashreplace"))
        log.flush()
        return subprocess.Popen(  # noqa: S603 - our own command, its words are no shell's
            [sys.executable, "-m", "foveal", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment_at_full_speed(),
            start_new_session=True,
            creationflags=NEW_GROUP,
        )


def stop_process(folder: Path) -> bool:
    """Ask the process that trains in `folder` to save its state and end; False where none does."""
    pid = lock_holder(folder)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, STOP_SIGNAL)
    return True


def newest_log(folder: Path) -> tuple[str, ...]:
    """The lines that the newest start of the run has written so far."""
    lines = read_tail(folder / RUN_LOG, MAX_LOG_BYTES).decode("utf-8", "replace").splitlines()
    starts = [index for index, line in enumerate(lines) if line.startswith(COMMAND_MARK)]
    return tuple(lines[starts[-1] + 1 :] if starts else lines)
