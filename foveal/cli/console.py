"""What commands print with: results on standard output, everything else on standard error.

Knows nothing of what the commands do.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foveal.progress import Progress, silent

QUIET = False
"""Set once by the main command from --quiet: no progress and no messages."""


def result(text: str) -> None:
    """Print one result on standard output."""
    sys.stdout.write(text + "\n")


def result_json(value: Any) -> None:
    """Print one JSON value on standard output; not-a-number is refused."""
    result(json.dumps(value, ensure_ascii=False, allow_nan=False))


def message(text: str) -> None:
    """Tell the person something on standard error, unless --quiet."""
    if not QUIET:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on a terminal, else a plain line every 10 seconds, on standard error."""
    if QUIET:
        yield silent
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _Lines()


class _Lines:
    """One plain line every 10 s for a log file."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        now = time.monotonic()
        if now - self._last < 10:
            return
        self._last = now
        share = f" {100 * done / total:.0f} %" if total else f" {done:g}" if done else ""
        message(f"{what}{share} {note}".rstrip())


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: float, total: float | None, note: str = "") -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, note=note)
            bar.update(tasks[what], completed=done, total=total, note=note)
            if total is not None and done >= total:
                bar.remove_task(tasks.pop(what))

        yield report
