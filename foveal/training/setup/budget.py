"""Minutes into steps: how many fit into a budget, and how much of it is left."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from foveal.training.setup.timing import Timing

PLANNED_SHARE = 0.95
"""Of the budget is planned; the rest is for what cannot be foreseen."""
FINISH_SECONDS = 1.5
"""For the last model file, the report and leaving the process."""
REPORT_IMAGE_SECONDS = 5e-4
"""More for the report, for each image of val."""
UNTIMED_FINAL_COST = 4
"""Times a val image in training, of predicting it with its mirror image in fp32."""


@dataclass(frozen=True)
class Budget:
    """Seconds for a whole run, over all resumes; infinite where epochs are given.

    used_before: seconds used before this process.  started_at: monotonic clock of its start.
    """

    seconds: float
    used_before: float = 0.0
    started_at: float = field(default_factory=time.monotonic)

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all; a budget without one counts the seconds."""
        return math.isfinite(self.seconds)

    @property
    def minutes(self) -> float | None:
        """As they were given; None where there is no limit."""
        if not self.limited:
            return None
        rounded = round(self.seconds / 60, 9)  # 60 * 0.29 / 60 is not 0.29
        return rounded if 60 * rounded == self.seconds else self.seconds / 60

    def remaining(self) -> float:
        """Seconds until the budget is used up."""
        return self.seconds - self.used()

    def used(self) -> float:
        """Seconds used so far, over all resumes."""
        return self.used_before + time.monotonic() - self.started_at


def finish_seconds(timing: Timing, val_images: int) -> float:
    """Seconds to end a run: val once more with mirrored images in fp32, files, report."""
    final = timing.final_image_seconds
    if final is None:
        final = UNTIMED_FINAL_COST * timing.val_image_seconds
    return FINISH_SECONDS + (final + REPORT_IMAGE_SECONDS) * val_images


def steps_within(
    seconds: float,
    timing: Timing,
    *,
    val_images: int,
    steps_per_epoch: int,
    relative_cost: float = 1.0,
) -> int:
    """Steps that fit into `seconds`, with a validation an epoch and the end of the run.

    relative_cost: mean cost of a step, as a share of one with images of full size.
    """
    available = seconds - finish_seconds(timing, val_images)
    validation = timing.val_image_seconds * val_images / steps_per_epoch
    return max(0, int(available / (timing.step_seconds * relative_cost + validation)))


def max_useful_epochs(images: int, *, minutes_given: bool) -> float:
    """Epochs after which more of the same would not help: fewer for many images.

    minutes_given: a person set the budget; the default budget stops sooner.
    """
    epochs = min(200.0, max(16.0, 30 * (60_000 / max(images, 1)) ** 0.5))
    return float(round(epochs * (4 if minutes_given else 1)))
