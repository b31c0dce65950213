"""All scores of one model on one set of labelled images, most of them scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from foveal.errors import MissingExtra
from foveal.evaluation.calibration import calibration_of
from foveal.evaluation.image_scores import brier_scores, log_losses, top_k_correct
from foveal.evaluation.predictions import Predictions
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
    Raises MissingExtra without scikit-learn.
    """
    require_sklearn()
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


def require_sklearn() -> None:
    """Raise MissingExtra where scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise MissingExtra("foveal evaluate", "eval")


def confusion(predictions: Predictions) -> list[Any]:
    """Counts [true][predicted] in label order; multi-label: one [[tn, fp], [fn, tp]] a label."""
    from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

    targets = predictions.targets
    if predictions.task == "multi":
        tables = multilabel_confusion_matrix(
            _two_columns(targets), _two_columns(predictions.predicted_labels)
        )
        counts = tables[: len(predictions.labels)]
    else:
        indices = list(range(len(predictions.labels)))
        counts = confusion_matrix(targets, predictions.predicted, labels=indices)
    rows: list[Any] = counts.tolist()
    return rows


def _hamming_score(predictions: Predictions) -> float:
    return float((predictions.predicted_labels == predictions.targets).mean())


def _matthews_corrcoef(predictions: Predictions) -> float | None:
    """None where all images or all predictions are of one class: it is 0 / 0 then."""
    if min(len(np.unique(predictions.targets)), len(np.unique(predictions.predicted))) < 2:
        return None
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(predictions.targets, predictions.predicted))


def _class_scores(predictions: Predictions) -> dict[str, ClassScore]:
    from sklearn.metrics import precision_recall_fscore_support

    multi, n_classes = predictions.task == "multi", len(predictions.labels)
    predicted: Any = predictions.predicted_labels if multi else predictions.predicted
    precision, recall, f1, support = precision_recall_fscore_support(
        _two_columns(predictions.targets) if multi else predictions.targets,
        _two_columns(predicted) if multi else predicted,
        labels=None if multi else list(range(n_classes)),
        zero_division=0.0,
    )
    count = predicted.sum(axis=0) if multi else np.bincount(predicted, minlength=n_classes)
    ranking = _ranking_scores(predictions)
    return {
        label: ClassScore(
            precision=float(precision[k]) if support[k] and count[k] else None,
            recall=float(recall[k]) if support[k] else None,
            f1=float(f1[k]) if support[k] else None,
            support=int(support[k]),
            predicted=int(count[k]),
            roc_auc=ranking[k][0],
            average_precision=ranking[k][1],
        )
        for k, label in enumerate(predictions.labels)
    }


def _two_columns(labels: Any) -> Any:
    """(N, K) with an empty column added to a single one, which scikit-learn takes for a class."""
    return np.pad(labels, ((0, 0), (0, 1))) if labels.shape[1] == 1 else labels


def _ranking_scores(predictions: Predictions) -> list[tuple[float | None, float | None]]:
    """(ROC AUC, average precision) of each class against the rest; None without both sides."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores: list[tuple[float | None, float | None]] = []
    for k in range(len(predictions.labels)):
        truth = predictions.is_class(k)
        if truth.all() or not truth.any():
            scores.append((None, None))
            continue
        probability = predictions.probabilities[:, k]
        auc = float(roc_auc_score(truth, probability))
        scores.append((auc, float(average_precision_score(truth, probability))))
    return scores


def _mean(values: Sequence[float | None]) -> float | None:
    defined = np.array([value for value in values if value is not None], np.float64)
    return float(defined.mean()) if len(defined) else None
