"""The records that the training loop yields: one a step, one an epoch, one a recovery."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepRecord:
    """One step. loss: mean of the batch, in nats. accuracy: share of it. seconds: of this step."""

    step: int
    epoch: int
    images: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch, or the last part of one; also a line of log.jsonl, less the seconds.

    train_loss, train_accuracy: means over the augmented images.  val_loss, val_accuracy: of the
    averaged weights.  selected: whether these weights are now those of the model file.
    """

    epoch: int
    step: int
    learning_rate: float
    train_loss: float | None
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    selected: bool
    seconds: float


@dataclass(frozen=True)
class Recovery:
    """A step with a non-finite loss was handled; `message` is the sentence to show."""

    step: int
    message: str


TrainingRecord = StepRecord | EpochRecord | Recovery
