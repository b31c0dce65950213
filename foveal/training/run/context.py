"""Where a run is written and what it may take, and what it measures of itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveal.model.manifest import Manifest
from foveal.progress import Progress, silent
from foveal.training import validation
from foveal.training.events import TrainingRecord
from foveal.training.setup.budget import Budget
from foveal.training.setup.plan import NO_TIMING
from foveal.training.setup.timing import Timing
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

MAX_TIMED_STEPS = 40
"""Last steps from which the seconds of a step are taken."""


@dataclass
class RunTimes:
    """What a run measures of itself.

    step_seconds: of the last steps, as long as they would take with images of full size.
    saved_at: monotonic clock of the last checkpoint, which took `save_seconds`.
    """

    step_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_TIMED_STEPS))
    saved_at: float = 0.0
    save_seconds: float = 0.0


@dataclass(frozen=True)
class RunContext:
    """Where a run is written, and what it may take.

    manifest: of the model file, as far as it is known before training.  content_hashes: uint64,
    of the images it is fitted on.  plan: JSON data for every checkpoint.  max_steps: to which a
    cycle may be extended.  on_record: is called with every record of the loop; on_state: after it,
    with the state that it left.  write_report: is called with the finished manifest and the logits
    of val.
    """

    folder: Path
    manifest: Manifest
    content_hashes: NDArray[np.uint64]
    plan: dict[str, Any]
    budget: Budget
    timing: Timing = NO_TIMING
    max_steps: int = 0
    progress: Progress = silent
    on_record: Callable[[TrainingRecord], None] = lambda _: None
    on_state: StateWriter = lambda *_: None
    write_report: Callable[[Manifest, validation.Logits], None] = lambda *_: None
    times: RunTimes = field(default_factory=RunTimes)


StateWriter = Callable[[TrainingRecord, TrainingState, TrainTask, RunContext], None]
