"""Do probabilities mean what they say: reliability, calibration error, and the temperature.

Knows nothing of models or files.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from foveal.evaluation.predictions import Bools, Floats, Ints, Predictions

BINS = 15


class Bin(BaseModel):
    """Answers of about the same probability: how many, what they promise, what they keep.

    low, high: edges of probability.  confidence: mean probability.  accuracy: share that is
    right.  Both None where the bin is empty.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


class Calibration(BaseModel):
    """Reliability as answered (after the temperature) and as the bare network says (before)."""

    model_config = ConfigDict(frozen=True)

    temperature: float
    bins: tuple[Bin, ...]
    ece: float
    bins_before: tuple[Bin, ...] | None = None
    ece_before: float | None = None


def statements(answers: Predictions) -> tuple[Floats, Bools]:
    """What is promised and whether it came true: (M,) probabilities and (M,) truths.

    Single: the answered class of every image.  Multi: every label of every image.
    """
    if answers.task == "multi":
        return answers.probabilities.ravel(), np.asarray(answers.targets, bool).ravel()
    return answers.confidence, answers.correct


def bin_of(confidence: Floats) -> Ints:
    """(M,) the number of the equal-width bin (low, high] each probability falls in."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def reliability(confidence: Floats, truth: Bools) -> tuple[Bin, ...]:
    """The 15 bins of the reliability diagram (Guo et al. 2017)."""
    place = bin_of(confidence)
    count = np.bincount(place, minlength=BINS)
    promised = np.bincount(place, confidence, minlength=BINS)
    kept = np.bincount(place, truth.astype(np.float64), minlength=BINS)
    return tuple(
        Bin(
            low=index / BINS,
            high=(index + 1) / BINS,
            n=int(n),
            confidence=float(promised[index] / n) if n else None,
            accuracy=float(kept[index] / n) if n else None,
        )
        for index, n in enumerate(count)
    )


def ece(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error in 0..1: the mean gap between promised and kept."""
    total = sum(part.n for part in bins)
    gaps = (part.n * abs(part.confidence - part.accuracy)  # type: ignore[operator]
            for part in bins if part.n)  # fmt: skip
    return float(sum(gaps) / total) if total else 0.0


def fit_temperature(
    logits: npt.NDArray[np.floating],
    targets: npt.NDArray[np.generic],
    *,
    activation: Literal["softmax", "sigmoid"] = "softmax",
) -> float:
    """The temperature that makes the log loss least, in 0.05..20 (Guo et al. 2017).

    logits: (N, units).  targets: class indices (N,), or bool (N, K) for several labels; one unit
    with class indices 0 and 1 is the two-class sigmoid.  1.0 where there is nothing to fit on.
    The log loss is convex in 1 / T, so the golden section finds its least value.
    """
    values = np.asarray(logits, np.float64)
    if not len(values) or not np.isfinite(values).all():
        return 1.0

    def loss(inverse: float) -> float:
        return _log_loss(values * inverse, np.asarray(targets), activation)

    low, high = 1 / 20, 1 / 0.05
    golden = (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(2 / (low + high))


def _log_loss(
    logits: Floats, targets: npt.NDArray[np.generic], activation: Literal["softmax", "sigmoid"]
) -> float:
    if activation == "sigmoid":
        truth = np.asarray(targets, np.float64).reshape(logits.shape)
        return float(np.mean(np.logaddexp(0, logits) - truth * logits))
    top = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    chosen = logits[np.arange(len(logits)), np.asarray(targets, np.int64)]
    return float(np.mean(total - chosen))
