"""How long work reports where it is, and the displays that show it: a bar, lines, or nothing.

Every verb takes `progress=`. `bar()` is ready for terminals and notebooks; for anything else,
such as a window or a web page, subclass `Progress`.
"""

from __future__ import annotations

import sys
import time
import weakref
from typing import Any, TextIO


class Progress:
    """What a verb reports to; this one shows nothing. Subclass it and override what is needed.

    A verb calls the object itself now and then, and `message` with one sentence at a time. Both
    must return at once and never raise.
    """

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Report that `done` of `total` (None: unknown) of `what` is finished."""

    def message(self, text: str) -> None:
        """Report a sentence, such as a warning or a value that was chosen."""

    def close(self) -> None:
        """Remove what is still displayed."""


silent = Progress()
"""Shows nothing: the default of every verb."""


def bar() -> Progress:
    """A progress bar on a terminal or in a notebook, else a line every 10 s on standard error."""
    if sys.stderr.isatty():
        return ProgressBar()
    if "ipykernel" in sys.modules:
        return ProgressLine(sys.stdout, 0.5, rewrite=True)
    return ProgressLine(sys.stderr, 10.0)


def images_per_second(count: int, since: float) -> str:
    """`1,234 images/s`, where `count` are done since `time.perf_counter()` was `since`."""
    return f"{count / max(time.perf_counter() - since, 1e-9):,.0f} images/s"


class ProgressLine(Progress):
    """Plain text on `stream`: a line every `seconds`, or with `rewrite` one line in place."""

    def __init__(self, stream: TextIO, seconds: float, *, rewrite: bool = False) -> None:
        self._stream, self._seconds, self._rewrite = stream, seconds, rewrite
        self._reported_at = time.monotonic()
        self._open_line = False

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Write the line where the last one is old enough."""
        now = time.monotonic()
        if now - self._reported_at < self._seconds:
            return
        self._reported_at = now
        share = (
            f"{what} {100 * done / total:.0f} %" if total else f"{what} {done:g}" if done else what
        )
        line = f"{share} {note}".rstrip()
        if not self._rewrite:
            self.message(line)
            return
        self._stream.write(f"\r{line[: _columns()]:<{_columns()}}")
        self._stream.flush()
        self._open_line = True

    def message(self, text: str) -> None:
        """Write a line that stays."""
        self.close()
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Erase a line that is rewritten in place."""
        if self._open_line:
            self._stream.write(f"\r{'':<{_columns()}}\r")
            self._open_line = False


def _columns() -> int:
    import shutil  # loads every compressor: 3 of the 210 ms of a first answer

    return shutil.get_terminal_size().columns - 1


class ProgressBar(Progress):
    """A bar for each piece of work under way, on standard error of a terminal, drawn by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Display

        self._display = Display(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}
        weakref.finalize(self, self._display.stop)  # the cursor comes back where nobody closes it

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Draw the bar of `what`; it goes when it is full, and the display with the last one."""
        if what not in self._tasks:
            self._tasks[what] = self._display.add_task(what, total=total, note=note)
        self._display.start()
        self._display.update(self._tasks[what], completed=done, total=total, note=note)
        if total is not None and done >= total:
            self._display.remove_task(self._tasks.pop(what))
            if not self._tasks:
                self._display.stop()

    def message(self, text: str) -> None:
        """Write a line above the bars."""
        self._display.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Remove every bar."""
        for task in self._tasks.values():
            self._display.remove_task(task)
        self._tasks.clear()
        self._display.stop()
