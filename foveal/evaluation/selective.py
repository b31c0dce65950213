"""Selective prediction: accuracy by coverage, stored thresholds, out-of-distribution images."""

from __future__ import annotations

import numpy as np

from foveal.evaluation.classification_metrics import roc_auc
from foveal.evaluation.predictions import FloatArray, Predictions
from foveal.evaluation.schema import (
    AbstentionScore,
    CoveragePoint,
    OperatingPoint,
    OutOfDistributionScore,
)
from foveal.intervals import binomial_interval, binomial_lower_bounds
from foveal.model.manifest import Thresholds

CURVE_POINTS = 101


def coverage_curve(predictions: Predictions) -> tuple[CoveragePoint, ...]:
    """Accuracy of the most confident predictions, for decreasing coverage; full coverage first."""
    probability, n_correct = by_confidence(predictions)
    n, points = len(predictions), []
    candidate_ends = (round(n * k / (CURVE_POINTS - 1)) for k in range(1, CURVE_POINTS))
    ends = sorted({end_of_ties(probability, end) for end in candidate_ends}, reverse=True)
    scale = predictions.n_units / n
    for end in ends:
        correct = int(n_correct[end - 1])
        bound = binomial_lower_bounds(np.array([correct * scale]), np.array([end * scale]))[0]
        points.append(
            CoveragePoint(
                threshold=threshold_at(probability, end),
                coverage=end / n,
                n=end,
                accuracy=correct / end,
                accuracy_lower_bound=float(bound),
            )
        )
    return tuple(points)


def by_confidence(predictions: Predictions) -> tuple[FloatArray, FloatArray]:
    """(N,) largest probabilities, descending, and (N,) how many so far are correct."""
    order = np.argsort(-predictions.max_probability, kind="stable")
    return predictions.max_probability[order], np.cumsum(predictions.correct[order])


def end_of_ties(probability: FloatArray, end: int) -> int:
    """How many images are predicted when the one at `end` is the last: ties go together."""
    end = min(max(end, 1), len(probability))
    return int(np.searchsorted(-probability, -probability[end - 1], side="right"))


def threshold_at(probability: FloatArray, end: int) -> float:
    """The threshold with which the first `end` images are predicted; 0 where these are all."""
    return 0.0 if end == len(probability) else float(probability[end - 1])


def score_abstention(predictions: Predictions, threshold: float | None) -> AbstentionScore | None:
    """The stored abstention threshold applied to these images; None where none is stored."""
    if threshold is None:
        return None
    is_predicted = predictions.max_probability >= threshold
    n, correct = int(is_predicted.sum()), int(predictions.correct[is_predicted].sum())
    return AbstentionScore(
        threshold=threshold,
        coverage=n / len(predictions),
        n=n,
        accuracy=correct / n if n else None,
        accuracy_interval=binomial_interval(correct, n) if n else None,
    )


def score_operating_points(
    predictions: Predictions, thresholds: Thresholds
) -> tuple[OperatingPoint, ...]:
    """The stored class thresholds applied to these images."""
    points = dict(thresholds.per_label) if predictions.task == "multi" else {}
    if thresholds.positive_class is not None and thresholds.operating_point is not None:
        points[thresholds.positive_class] = thresholds.operating_point
    return tuple(_operating_point(predictions, label, point) for label, point in points.items())


def score_out_of_distribution(
    folder: str,
    probabilities: FloatArray,
    predictions: Predictions,
    threshold: float | None,
    unusable: int,
) -> OutOfDistributionScore:
    """How images of no known class, with probabilities (M, K), differ from `predictions`.

    threshold: the abstention threshold.  unusable: images of `folder` that cannot be read.
    """
    max_probability, n = probabilities.max(axis=1), len(probabilities)
    rejected = None if threshold is None else int((max_probability < threshold).sum())
    is_known = np.arange(len(predictions) + n) < len(predictions)
    scores = np.concatenate([predictions.max_probability, max_probability])
    return OutOfDistributionScore(
        folder=folder,
        n=n,
        unusable=unusable,
        threshold=threshold,
        rejection_rate=None if rejected is None else rejected / n,
        rejection_rate_interval=None if rejected is None else binomial_interval(rejected, n),
        mean_max_probability=float(max_probability.mean()),
        roc_auc=roc_auc(is_known, scores),
    )


def _operating_point(predictions: Predictions, label: str, threshold: float) -> OperatingPoint:
    index = predictions.labels.index(label)
    true = predictions.is_class(index)
    predicted = predictions.probabilities[:, index] >= threshold
    correct, n_true, n_predicted = (
        int((true & predicted).sum()),
        int(true.sum()),
        int(predicted.sum()),
    )
    return OperatingPoint(
        label=label,
        threshold=threshold,
        precision=correct / n_predicted if n_predicted else None,
        recall=correct / n_true if n_true else None,
        recall_interval=binomial_interval(correct, n_true) if n_true else None,
    )
