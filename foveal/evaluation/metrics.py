"""All scores of one model on one set of labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from foveal.errors import MissingExtra
from foveal.evaluation.calibration import calibration_of
from foveal.evaluation.classification_metrics import (
    LabelScores,
    average_precision,
    confusion_matrix,
    label_confusion_matrices,
    label_scores,
    matthews_corrcoef,
    roc_auc,
)
from foveal.evaluation.image_scores import brier_scores, log_losses, top_k_correct
from foveal.evaluation.predictions import IntArray, Predictions
from foveal.evaluation.schema import ClassScore, Scores
from foveal.evaluation.score_intervals import score_intervals, with_class_intervals


def compute_scores(
    predictions: Predictions,
    *,
    split: str = "all",
    uncalibrated: Predictions | None = None,
    temperature: float = 1.0,
) -> Scores:
    """All scores of `predictions` (at least one image), with 95 % intervals.

    uncalibrated: the same images without the temperature, for the calibration before it.
    Classes without an image have None; averages over classes leave them out.  A score that these
    images do not define is None, without a library's warning.
    Raises MissingExtra without SciPy.
    """
    require_scipy()
    multi = predictions.task == "multi"
    classes = _class_scores(predictions)
    present = [part for part in classes.values() if part.support]
    calibration = calibration_of(predictions, uncalibrated, temperature)
    accuracy = float(predictions.correct.mean())
    intervals, exact = score_intervals(predictions, classes)
    top_k = top_k_correct(predictions)
    return Scores(
        split=split,
        task=predictions.task,
        n=len(predictions),
        labels=predictions.labels,
        accuracy=accuracy,
        accuracy_interval=intervals["accuracy"],
        balanced_accuracy=_mean([part.recall for part in present]),
        macro_f1=_mean([part.f1 for part in present]),
        matthews_corrcoef=None if multi else _matthews_corrcoef(predictions),
        nll=float(log_losses(predictions).mean()),
        brier=float(brier_scores(predictions).mean()),
        ece=calibration.ece,
        top_k_accuracy={str(k): float(correct.mean()) for k, correct in top_k.items()},
        exact_match=accuracy if multi else None,
        hamming_score=_hamming_score(predictions) if multi else None,
        classes=with_class_intervals(classes, intervals),
        confusion=confusion(predictions),
        intervals={name: interval for name, interval in intervals.items() if ":" not in name},
        bootstrap_unit="images" if predictions.groups is None else "groups",
        n_bootstrap_units=predictions.n_units,
        exact_intervals=tuple(name for name in exact if ":" not in name),
        calibration=calibration,
    )


def require_scipy() -> None:
    """Raise MissingExtra where SciPy is not installed."""
    if find_spec("scipy") is None:
        raise MissingExtra("foveal evaluate", "eval")


def confusion(predictions: Predictions) -> list[Any]:
    """Counts [true][predicted] in label order; multi-label: one [[tn, fp], [fn, tp]] a label."""
    rows: list[Any] = _confusion(predictions).tolist()
    return rows


def _confusion(predictions: Predictions) -> IntArray:
    targets, classes = predictions.targets, len(predictions.labels)
    if predictions.task == "multi":
        return label_confusion_matrices(targets.astype(bool), predictions.predicted_labels)
    return confusion_matrix(targets.astype(np.int64), predictions.predicted, classes)


def _hamming_score(predictions: Predictions) -> float:
    return float((predictions.predicted_labels == predictions.targets).mean())


def _matthews_corrcoef(predictions: Predictions) -> float | None:
    """None where all images or all predictions are of one class: it is 0 / 0 then."""
    if min(len(np.unique(predictions.targets)), len(np.unique(predictions.predicted))) < 2:
        return None
    return matthews_corrcoef(_confusion(predictions))


def _class_scores(predictions: Predictions) -> dict[str, ClassScore]:
    found = _label_scores(predictions)
    ranking = _ranking_scores(predictions)
    return {
        label: ClassScore(
            precision=float(found.precision[k])
            if found.support[k] and found.predicted[k]
            else None,
            recall=float(found.recall[k]) if found.support[k] else None,
            f1=float(found.f1[k]) if found.support[k] else None,
            support=int(found.support[k]),
            predicted=int(found.predicted[k]),
            roc_auc=ranking[k][0],
            average_precision=ranking[k][1],
        )
        for k, label in enumerate(predictions.labels)
    }


def _label_scores(predictions: Predictions) -> LabelScores:
    counts = _confusion(predictions)
    if predictions.task == "multi":
        correct, missed, wrong = counts[:, 1, 1], counts[:, 1, 0], counts[:, 0, 1]
        return label_scores(correct, correct + missed, correct + wrong)
    return label_scores(np.diag(counts), counts.sum(axis=1), counts.sum(axis=0))


def _ranking_scores(predictions: Predictions) -> list[tuple[float | None, float | None]]:
    """(ROC AUC, average precision) of each class against the rest; None without both sides."""
    scores: list[tuple[float | None, float | None]] = []
    for k in range(len(predictions.labels)):
        truth = predictions.is_class(k)
        if truth.all() or not truth.any():
            scores.append((None, None))
            continue
        probability = predictions.probabilities[:, k]
        scores.append((roc_auc(truth, probability), average_precision(truth, probability)))
    return scores


def _mean(values: Sequence[float | None]) -> float | None:
    defined = np.array([value for value in values if value is not None], np.float64)
    return float(defined.mean()) if len(defined) else None
