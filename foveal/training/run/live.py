"""The tracker `steps`: files in the run's folder that say where training is, for who watches it.

steps.jsonl gets a line about twice a second, val_errors.json is replaced after every validation
whose logits are finite, and at the end by what the finished model gets wrong.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from foveal.files import write_atomic
from foveal.rundir import STEPS_FILE, VAL_ERRORS_FILE
from foveal.training import progressive_resizing
from foveal.training.events import EpochRecord, StepRecord, TrainingRecord
from foveal.training.run.context import RunContext
from foveal.training.setup.budget import FINISH_SECONDS
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.validation import Logits

MIN_PAUSE_SECONDS, MAX_LINES_PER_RUN = 0.5, 1000
"""Least seconds between two lines; a long run has fewer a second, about this many a doubling."""
RECENT_SECONDS, MAX_VALIDATIONS = 20.0, 5
"""Of training, and epochs, from which the time that is left is estimated."""
MAX_VAL_ERRORS = 200
"""Wrong predictions that are written, those with the largest probability first."""
FORWARD_SHARE = 1 / 3
"""Of the seconds of a training step that predicting its images takes, before it is measured."""


@dataclass(frozen=True)
class StepLine:
    """A line of steps.jsonl.

    steps: at which the run ends, as planned now.  loss, accuracy: means over the images since the
    line before.  seconds: used by the run, over all resumes.  seconds_left: until it is finished.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    images_per_second: float
    seconds: float
    seconds_left: float


@dataclass
class LiveFiles:
    """Writes both files of a run; `write` is to be called after every record.

    images, loss_sum, correct, busy_seconds: since the last line.  train_seconds: of the steps since
    the last validation.  recent: the last steps' seconds, as long as they would take with images of
    full size; recent_seconds: their sum.  validations: the last epochs without their steps.
    """

    folder: Path
    written_at: float = -math.inf
    images: int = 0
    loss_sum: float = 0.0
    correct: float = 0.0
    busy_seconds: float = 0.0
    train_seconds: float = 0.0
    recent: deque[float] = field(default_factory=deque)
    recent_seconds: float = 0.0
    validations: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_VALIDATIONS))

    def write(
        self, record: TrainingRecord, state: TrainingState, task: TrainTask, context: RunContext
    ) -> None:
        """Append or replace what the record changes; raises Error where it cannot be written."""
        if isinstance(record, StepRecord):
            self._count(record, task, state.position.progress, context)
            pause = max(MIN_PAUSE_SECONDS, context.budget.used() / MAX_LINES_PER_RUN)
            at_end = record.step >= state.position.cycle_end
            if time.monotonic() - self.written_at >= pause or at_end:
                self._append(record, state, task, context)
        elif isinstance(record, EpochRecord):
            if self.train_seconds:
                self.validations.append(max(0.0, record.seconds - self.train_seconds))
            self.train_seconds = 0.0
            if state.val_logits is not None and np.isfinite(state.val_logits).all():
                write_val_errors(self.folder, record.epoch, state.val_logits, task.val.labels)

    def _count(
        self, record: StepRecord, task: TrainTask, progress: float, context: RunContext
    ) -> None:
        self.images += record.images
        self.loss_sum += record.loss * record.images
        self.correct += record.accuracy * record.images
        self.busy_seconds += record.seconds
        self.train_seconds += record.seconds
        cost = progressive_resizing.relative_cost(
            task.image_size, task.start_scale, progress, context.timing.start_cost
        )
        self.recent.append(record.seconds / cost)
        self.recent_seconds += self.recent[-1]
        while len(self.recent) > 1 and self.recent_seconds - self.recent[0] > RECENT_SECONDS:
            self.recent_seconds -= self.recent.popleft()

    def _append(
        self, record: StepRecord, state: TrainingState, task: TrainTask, context: RunContext
    ) -> None:
        line = StepLine(
            record.step,
            state.position.cycle_end,
            record.epoch,
            self.loss_sum / self.images,
            self.correct / self.images,
            record.learning_rate,
            self.images / max(self.busy_seconds, 1e-9),
            round(context.budget.used(), 2),
            round(self._seconds_left(state, task, context), 2),
        )
        with (self.folder / STEPS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        self.written_at = time.monotonic()
        self.images, self.loss_sum, self.correct, self.busy_seconds = 0, 0.0, 0.0, 0.0

    def _seconds_left(self, state: TrainingState, task: TrainTask, context: RunContext) -> float:
        """The steps, validations and files that are still to come, at most the budget's rest."""
        position = state.position
        step_seconds = self.recent_seconds / len(self.recent)
        cost = progressive_resizing.mean_relative_cost(
            task.image_size, task.start_scale, position.progress, context.timing.start_cost
        )
        batches = len(task.val) / (task.recipe.batch_size or 1)
        validation = FORWARD_SHARE * step_seconds * batches
        if self.validations:
            validation = median(self.validations)
        steps = position.cycle_end - position.step
        validations = -(-position.cycle_end // task.steps_per_epoch) - (
            position.step // task.steps_per_epoch
        )
        left = steps * step_seconds * cost + validations * validation
        left += FINISH_SECONDS + 2 * validation  # once more, with mirrored images
        return min(left, max(0.0, context.budget.remaining()))


def write_val_errors(
    folder: Path, epoch: int, logits: Logits, labels: np.ndarray, *, finished: bool = False
) -> None:
    """Replace val_errors.json; finished: of the finished model, whose answers may be means."""
    errors = {"epoch": epoch, "finished": finished, **val_errors(logits, labels)}
    write_atomic(folder / VAL_ERRORS_FILE, json.dumps(errors))


def val_errors(logits: Logits, labels: np.ndarray) -> dict[str, Any]:
    """The images of val that are predicted wrongly: how many, and those with the surest answers.

    Each has its row in val, the index of the predicted class and its probability; for several
    labels an image the indices of all that are predicted, and the least sure one's probability.
    """
    wrong, predicted, probability = (
        _multi_label(logits, labels) if labels.ndim == 2 else _single_label(logits, labels)
    )
    rows = np.flatnonzero(wrong)
    rows = rows[np.argsort(-probability[rows], kind="stable")]
    return {
        "images": len(labels),
        "wrong": len(rows),
        "errors": [
            {
                "row": int(row),
                "predicted": predicted(int(row)),
                "probability": round(float(probability[row]), 4),
            }
            for row in rows[:MAX_VAL_ERRORS]
        ],
    }


Predicted = Callable[[int], list[int]]


def _single_label(logits: Logits, labels: np.ndarray) -> tuple[np.ndarray, Predicted, np.ndarray]:
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    best = logits.argmax(axis=1)
    probability = shifted.max(axis=1) / shifted.sum(axis=1)
    return best != labels, lambda row: [int(best[row])], probability


def _multi_label(logits: Logits, labels: np.ndarray) -> tuple[np.ndarray, Predicted, np.ndarray]:
    chosen = logits > 0
    probability = 1 / (1 + np.exp(-np.abs(logits)))
    wrong = (chosen != (labels > 0)).any(axis=1)
    return wrong, lambda row: np.flatnonzero(chosen[row]).tolist(), probability.min(axis=1)
