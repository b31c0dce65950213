"""What the loop yields: one value a step, one an epoch, one where something went wrong.

Knows nothing of who reads them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepRecord:
    """One step is done. loss: mean of the batch, in nats. seconds: for this step."""

    step: int
    epoch: int
    images: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch (or the last part of one) is done; also a line of log.jsonl, less the seconds.

    train figures are means over the augmented images; val figures are of the averaged weights.
    kept: whether these weights are now the ones of the model file.
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
    """Something went wrong and was mended; `told` is the sentence to show."""

    step: int
    message: str


TrainingRecord = StepRecord | EpochRecord | Recovery
