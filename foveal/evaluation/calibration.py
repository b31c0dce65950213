"""Calibration of probabilities: the reliability diagram and the expected calibration error."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from foveal.evaluation.predictions import BoolArray, FloatArray, IntArray, Predictions

N_CALIBRATION_BINS = 15


class CalibrationBin(BaseModel):
    """Predictions with a probability in (low, high].

    confidence: their mean probability.  accuracy: share that is correct.  Both are None where the
    bin is empty.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


class Calibration(BaseModel):
    """Reliability with temperature scaling, and of the network's own output without it.

    ece: expected calibration error, 0..1.
    """

    model_config = ConfigDict(frozen=True)

    temperature: float
    bins: tuple[CalibrationBin, ...]
    ece: float
    uncalibrated_bins: tuple[CalibrationBin, ...] | None = None
    uncalibrated_ece: float | None = None


def calibration_of(
    predictions: Predictions, uncalibrated: Predictions | None, temperature: float
) -> Calibration:
    """The calibration of `predictions`, and of the same images without the temperature."""
    bins = reliability_bins(*confidence_and_outcome(predictions))
    before = (
        None if uncalibrated is None else reliability_bins(*confidence_and_outcome(uncalibrated))
    )
    return Calibration(
        temperature=temperature,
        bins=bins,
        ece=expected_calibration_error(bins),
        uncalibrated_bins=before,
        uncalibrated_ece=None if before is None else expected_calibration_error(before),
    )


def confidence_and_outcome(predictions: Predictions) -> tuple[FloatArray, BoolArray]:
    """(M,) probabilities and (M,) whether each came true.

    Single-label: the predicted class of every image.  Multi-label: every label of every image.
    """
    if predictions.task == "multi":
        return predictions.probabilities.ravel(), np.asarray(predictions.targets, bool).ravel()
    return predictions.confidence, predictions.correct


def bin_index(confidence: FloatArray) -> IntArray:
    """(M,) the number of the equal-width bin (low, high] each probability falls in."""
    return np.clip(
        np.ceil(confidence * N_CALIBRATION_BINS).astype(np.int64) - 1, 0, N_CALIBRATION_BINS - 1
    )


def reliability_bins(confidence: FloatArray, outcome: BoolArray) -> tuple[CalibrationBin, ...]:
    """The 15 bins of the reliability diagram (Guo et al. 2017)."""
    index = bin_index(confidence)
    count = np.bincount(index, minlength=N_CALIBRATION_BINS)
    confidence_sum = np.bincount(index, confidence, minlength=N_CALIBRATION_BINS)
    outcome_sum = np.bincount(index, outcome.astype(np.float64), minlength=N_CALIBRATION_BINS)
    return tuple(
        CalibrationBin(
            low=k / N_CALIBRATION_BINS,
            high=(k + 1) / N_CALIBRATION_BINS,
            n=int(n),
            confidence=float(confidence_sum[k] / n) if n else None,
            accuracy=float(outcome_sum[k] / n) if n else None,
        )
        for k, n in enumerate(count)
    )


def expected_calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """The mean gap between confidence and accuracy, 0..1, weighted by the images of each bin."""
    total = sum(part.n for part in bins)
    gaps = (
        part.n * abs(part.confidence - part.accuracy)
        for part in bins
        if part.confidence is not None and part.accuracy is not None
    )
    return float(sum(gaps) / total) if total else 0.0
