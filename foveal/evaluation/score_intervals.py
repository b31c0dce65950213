"""The interval of every score: a function of sums over images, resampled by the bootstrap.

Scores of few correct or few wrong predictions get an exact interval instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from foveal.evaluation.bootstrap import (
    MIN_BOOTSTRAP_EVENTS,
    percentile_interval,
    proportion_interval,
    resample_statistic,
    weighted_count_interval,
)
from foveal.evaluation.classification_metrics import matthews_of_counts
from foveal.evaluation.image_scores import (
    bin_sums,
    brier_scores,
    class_counts,
    log_losses,
    share_of_labels_correct,
    top_k_correct,
)
from foveal.evaluation.predictions import FloatArray, Predictions
from foveal.evaluation.schema import ClassScore
from foveal.intervals import Interval

_CLASS_METRICS = ("precision", "recall", "f1")


def score_intervals(
    predictions: Predictions, classes: Mapping[str, ClassScore]
) -> tuple[dict[str, Interval], tuple[str, ...]]:
    """The 95 % interval of every score by its name, of each class's as 'recall:<class>'.

    Also the names of the scores with an exact interval, because few predictions are correct or
    wrong.
    """
    resampled = _resampled_scores(predictions, classes)
    bootstrap = {name: percentile_interval(values) for name, values in resampled.items()}
    exact = {
        **_proportion_intervals(predictions, resampled),
        **_macro_intervals(predictions),
        **_class_proportion_intervals(predictions, classes, resampled),
    }
    if "matthews_corrcoef" in resampled:
        exact |= _exact_matthews_interval(predictions, exact["accuracy"], bootstrap["accuracy"])
    intervals = {name: pair for name, pair in (bootstrap | exact).items() if pair is not None}
    return intervals, tuple(name for name, pair in intervals.items() if pair != bootstrap[name])


def with_class_intervals(
    classes: Mapping[str, ClassScore], intervals: Mapping[str, Interval]
) -> dict[str, ClassScore]:
    """The class scores with their intervals filled in."""
    return {
        label: part.model_copy(
            update={
                f"{metric}_interval": intervals.get(f"{metric}:{label}")
                for metric in _CLASS_METRICS
            }
        )
        for label, part in classes.items()
    }


def _resampled_scores(
    predictions: Predictions, classes: Mapping[str, ClassScore]
) -> dict[str, FloatArray]:
    """(resamples,) values of every score by its name."""
    from scipy import sparse

    multi = predictions.task == "multi"
    top_k = top_k_correct(predictions)
    means = [predictions.correct, log_losses(predictions), brier_scores(predictions)]
    means += [*top_k.values(), *([share_of_labels_correct(predictions)] if multi else [])]
    columns = np.column_stack(means)
    blocks = [
        np.ones((len(predictions), 1)),
        columns,
        class_counts(predictions),
        bin_sums(predictions),
    ]
    summands = sparse.hstack([sparse.csr_matrix(part, dtype=np.float32) for part in blocks]).tocsr()
    n_classes = len(predictions.labels)
    edges = np.cumsum([1, columns.shape[1], n_classes, n_classes, n_classes])

    def statistic(sums: FloatArray) -> FloatArray:
        n, totals, correct, true, predicted, bins = np.split(sums, edges, axis=1)
        matthews = matthews_of_counts(n[:, 0], correct, true, predicted)
        averages = _class_metrics(correct, true, predicted)
        return np.column_stack([totals / n, _calibration_error(bins), matthews, *averages])

    values = resample_statistic(summands, len(predictions), predictions.groups, statistic)
    names = ["accuracy", "nll", "brier", *(f"top_{k}_accuracy" for k in top_k)]
    names += ["hamming_score"] if multi else []
    names += ["ece", "matthews_corrcoef", "balanced_accuracy", "macro_f1"]
    names += [f"{metric}:{label}" for metric in _CLASS_METRICS for label in classes]
    scores = dict(zip(names, values.T, strict=True))
    if multi:
        del scores["matthews_corrcoef"]
    return scores


def _proportion_intervals(
    predictions: Predictions, resampled: Mapping[str, FloatArray]
) -> dict[str, Interval | None]:
    """The intervals of accuracy, top-k accuracy and, with several labels, of all labels."""
    n_correct = {"accuracy": float(predictions.correct.sum())}
    n_correct |= {
        f"top_{k}_accuracy": float(correct.sum())
        for k, correct in top_k_correct(predictions).items()
    }
    units = predictions.n_units
    intervals = {
        name: proportion_interval(resampled[name], correct, len(predictions), units)
        for name, correct in n_correct.items()
    }
    if predictions.task == "multi":
        shares = share_of_labels_correct(predictions)
        total = shares.size * len(predictions.labels)
        intervals["hamming_score"] = proportion_interval(
            resampled["hamming_score"], float(shares.mean()) * total, total, units
        )
    return intervals


def _class_proportion_intervals(
    predictions: Predictions,
    classes: Mapping[str, ClassScore],
    resampled: Mapping[str, FloatArray],
) -> dict[str, Interval | None]:
    """The intervals of each class; None for a class without an image.

    F1 is 2x / (1 + x) of the proportion x = correct / (of the class or predicted as it).
    """
    intervals: dict[str, Interval | None] = {}
    for label, part in classes.items():
        correct = round((part.recall or 0.0) * part.support)
        totals = (part.predicted, part.support, part.support + part.predicted - correct)
        for metric, total in zip(_CLASS_METRICS, totals, strict=True):
            name = f"{metric}:{label}"
            values = resampled[name]
            units = max(1, round(total * predictions.n_units / len(predictions)))
            if metric == "f1":
                pair = proportion_interval(values / (2 - values), correct, total, units)
                pair = pair and (2 * pair[0] / (1 + pair[0]), 2 * pair[1] / (1 + pair[1]))
            else:
                pair = proportion_interval(values, correct, total, units)
            intervals[name] = pair if part.support else None
    return intervals


def _macro_intervals(predictions: Predictions) -> dict[str, Interval | None]:
    """Intervals of balanced accuracy and macro F1 where few images are wrong, or few correct.

    What these scores lack to 1 is a sum over errors, each weighted by how rare its classes are.
    """
    counts = class_counts(predictions)
    _, true, predicted = np.split(np.asarray(counts.sum(axis=0), np.float64).ravel(), 3)
    present = true > 0
    if not present.any():
        return {}
    intervals: dict[str, Interval | None] = {}
    for name, size, error_signs, correct_signs in (
        ("balanced_accuracy", true, (-1, 1, 0), (1, 0, 0)),
        ("macro_f1", true + predicted, (-2, 1, 1), (2, 0, 0)),
    ):
        weight = np.where(present, 1 / np.maximum(size, 1), 0) / max(1, present.sum())
        for of_errors, signs in ((True, error_signs), (False, correct_signs)):
            per_image = counts @ np.concatenate([sign * weight for sign in signs])
            per_unit = _sum_by_unit(predictions, per_image)
            if np.count_nonzero(per_unit) >= MIN_BOOTSTRAP_EVENTS:
                continue
            largest = max(signs[0], sum(signs[1:]))
            each = weight[present] * largest * len(predictions) / predictions.n_units
            low, high = weighted_count_interval(
                per_unit, float(each.mean()), float((each**2).mean())
            )
            intervals[name] = (max(0.0, 1 - high), 1 - low) if of_errors else (low, min(1.0, high))
            break
    return intervals


def _sum_by_unit(predictions: Predictions, values: FloatArray) -> FloatArray:
    """`values` of images summed over the groups that are drawn as one."""
    groups = predictions.groups
    summed = values if groups is None else np.bincount(groups, values)
    return np.asarray(summed, np.float64)


def _exact_matthews_interval(
    predictions: Predictions, accuracy: Interval | None, bootstrap_accuracy: Interval | None
) -> dict[str, Interval | None]:
    """Matthews' interval where few are wrong: what it lacks to 1 grows as the share of errors.

    None where all images or all predictions are of one class: the coefficient is not defined.
    """
    n_correct, n = int(predictions.correct.sum()), len(predictions)
    n_classes = len(predictions.labels)
    true = np.bincount(predictions.targets, minlength=n_classes).astype(np.float64)
    predicted = np.bincount(predictions.predicted, minlength=n_classes).astype(np.float64)
    if (true == n).any() or (predicted == n).any():
        return {"matthews_corrcoef": None}
    if accuracy is None or accuracy == bootstrap_accuracy or 2 * n_correct < n:
        return {}
    counts = np.array([float(n)]), np.array([[float(n_correct)]]), true[None], predicted[None]
    value = float(matthews_of_counts(*counts)[0])
    slope = (1 - value) * n / (n - n_correct) if n_correct < n else n**2 / (n**2 - (true**2).sum())
    low, high = (1 - slope * (1 - bound) for bound in accuracy)
    return {"matthews_corrcoef": (max(-1.0, low), high)}


def _class_metrics(
    correct: FloatArray, true: FloatArray, predicted: FloatArray
) -> list[FloatArray]:
    """Balanced accuracy, macro F1, and (b, K) precision, recall, F1; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, precision = correct / true, correct / predicted
        f1 = np.where(true > 0, 2 * correct / (true + predicted), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        averages = [np.nanmean(recall, axis=1), np.nanmean(f1, axis=1)]
    return [*averages, precision, recall, f1]


def _calibration_error(sums: FloatArray) -> FloatArray:
    confidence, outcome, count = np.split(sums, 3, axis=1)
    return np.asarray(np.abs(confidence - outcome).sum(axis=1) / count.sum(axis=1))
