"""What commands print with: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foveal.progress import Progress, bar, silent

QUIET = False
"""Set once by the main command from --quiet: no progress and no messages."""


def result(text: str) -> None:
    """Print one result on standard output."""
    sys.stdout.write(text + "\n")


def result_json(value: Any) -> None:
    """Print one JSON value on standard output; not-a-number is refused."""
    result(json.dumps(value, ensure_ascii=False, allow_nan=False))


def message(text: str) -> None:
    """Print a message on standard error, unless --quiet."""
    if not QUIET:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextmanager
def progress() -> Iterator[Progress]:
    """The progress display of a command, on standard error; none with --quiet."""
    display = silent if QUIET else bar()
    try:
        yield display
    finally:
        display.close()
