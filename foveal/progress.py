"""How long work reports where it is: a function the caller gives, called now and then.

Knows nothing of terminals; the command line draws it, Python callers may pass their own.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with what is being done, how much is done, and how much there is (None: unknown)."""

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Report; must return at once and never raise."""


def silent(what: str, done: float, total: float | None, note: str = "") -> None:
    """The progress that says nothing."""
