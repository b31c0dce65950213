"""Minutes into steps: a plan before the first step, and what keeps it.

Knows nothing of what a step does; it is given seconds and gives counts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from foveal.training.setup.timing import Timing

SHARE = 0.95
"""Of the budget is planned; the rest is for what cannot be foreseen."""
TAIL = 1.5
"""Seconds for the last model file, the report and leaving the process."""


@dataclass
class Budget:
    """seconds: all there is, over all resumes.  spent: before this process.  began: its clock."""

    seconds: float
    spent: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds until the budget is used up."""
        return self.seconds - self.used()

    def used(self) -> float:
        """Seconds used so far, over all resumes."""
        return self.spent + time.monotonic() - self.began


def tail(timing: Timing, val: int) -> float:
    """Seconds kept for the end: val once more with mirror images in fp32, files, report."""
    return TAIL + 4 * timing.val_image * val


def affordable(timing: Timing, val: int, an_epoch: int, seconds: float, work: float = 1.0) -> int:
    """Steps that fit into `seconds`, each epoch looking at `val` images, the tail kept.

    work: what a step costs on the average, as a share of one with whole images.
    """
    room = seconds - tail(timing, val)
    each = timing.step * work + timing.val_image * val / an_epoch
    return max(0, int(room / each))


def most_epochs(images: int, asked: bool) -> float:
    """Epochs after which more of the same would not help: fewer for many images.

    asked: a person gave the minutes; the default budget stops sooner.
    """
    usual = min(200.0, max(16.0, 30 * (60_000 / max(images, 1)) ** 0.5))
    return float(round(usual * (4 if asked else 1)))
