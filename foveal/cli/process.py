"""What a command needs of its process: open standard streams, a current folder, an end."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import NoReturn

from foveal.errors import Error


def open_missing_streams() -> None:
    """Open the null device for standard input and error where they are closed.

    Else the next file that is opened takes their number, and what libraries print goes into it.
    Raises Error for a closed standard output: the results would be lost.
    """
    output_is_closed = sys.stdout is None
    for number in range(3):
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if output_is_closed:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        raise Error(
            "standard output is closed, so that the results would be lost; send it to a file, or "
            "to /dev/null"
        )


def require_current_folder() -> None:
    """Raise Error where the current folder is gone: paths and the start of libraries need it."""
    try:
        os.getcwd()  # noqa: PTH109 - as Path.cwd, which is loaded later
    except OSError as error:
        raise Error(
            f"the current folder cannot be reached ({error.strerror}), as where it was deleted; "
            "change to one that exists (cd) and start again"
        ) from error


def exit_process(status: int) -> NoReturn:
    """Exit with `status`, also where this process is still connected to others that train with it.

    It is so after a failure.  torch's threads of the connection may then abort an interpreter that
    ends in order (torch 2.13), which would look like a killed process.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)
