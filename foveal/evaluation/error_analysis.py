"""Images to look at: worst errors, label issues, confused pairs, exemplars of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foveal.dataset.tables.cells import join_labels
from foveal.evaluation.classification_metrics import confusion_matrix
from foveal.evaluation.predictions import BoolArray, IntArray, Predictions
from foveal.evaluation.schema import (
    ClassExemplars,
    ConfusedPair,
    ErrorAnalysis,
    ImagePrediction,
    LabelIssue,
)

MAX_WORST_ERRORS = 100
MAX_LABEL_ISSUES = 100
MAX_CONFUSED_PAIRS = 20
MAX_EXEMPLARS = 6


def analyse_errors(predictions: Predictions, paths: Sequence[str]) -> ErrorAnalysis:
    """The error analysis of `predictions`; `paths` names each of its rows."""
    multi = predictions.task == "multi"
    rows = worst_error_rows(predictions)[:MAX_WORST_ERRORS]
    return ErrorAnalysis(
        worst_errors=_image_predictions(predictions, rows, paths),
        label_issues=() if multi else _label_issues(predictions, paths),
        confused_pairs=() if multi else confused_pairs(predictions),
        exemplars={
            label: _exemplars(predictions, index, paths)
            for index, label in enumerate(predictions.labels)
        },
    )


def worst_error_rows(predictions: Predictions) -> IntArray:
    """Rows of wrong predictions, the least probability of the true class first."""
    wrong = np.flatnonzero(~predictions.correct)
    order = np.argsort(predictions.true_probability[wrong], kind="stable")
    return np.asarray(wrong[order], np.int64)


def find_label_issues(predictions: Predictions) -> tuple[BoolArray, IntArray]:
    """(N,) whether a label is probably wrong, and (N,) the class the model suggests instead.

    Confident learning (Northcutt et al. 2021): a class is a candidate for an image where its
    probability is at least the mean it has on the images labelled with it; a label is an issue
    where the most probable candidate is another class, more probable than the label.
    """
    k = len(predictions.labels)
    count = np.bincount(predictions.targets, minlength=k)
    total = np.bincount(predictions.targets, predictions.true_probability, minlength=k)
    class_threshold = np.divide(total, count, out=np.full(k, np.inf), where=count > 0)
    probabilities = predictions.probabilities
    candidates = np.where(probabilities >= class_threshold, probabilities, -1.0)
    suggested = candidates.argmax(axis=1)
    probability = candidates[np.arange(len(predictions)), suggested]
    is_issue = (probability > predictions.true_probability) & (suggested != predictions.targets)
    return np.asarray(is_issue), np.asarray(suggested, np.int64)


def confused_pairs(predictions: Predictions) -> tuple[ConfusedPair, ...]:
    """The pairs of classes most often confused, most images first."""
    k = len(predictions.labels)
    targets = predictions.targets.astype(np.int64)
    cells = confusion_matrix(targets, predictions.predicted, k).ravel()
    support = np.bincount(predictions.targets, minlength=k)
    cells[:: k + 1] = 0
    order = np.argsort(-cells, kind="stable")[:MAX_CONFUSED_PAIRS]
    return tuple(
        ConfusedPair(
            true=predictions.labels[cell // k],
            predicted=predictions.labels[cell % k],
            n=int(cells[cell]),
            share=float(cells[cell] / support[cell // k]),
        )
        for cell in order
        if cells[cell]
    )


def _image_predictions(
    predictions: Predictions, rows: IntArray, paths: Sequence[str]
) -> tuple[ImagePrediction, ...]:
    """Rows of `predictions` as values; several labels as in the cell of a table."""
    multi = predictions.task == "multi"

    def names(value: Any) -> str:
        indices = np.flatnonzero(value) if multi else [int(value)]
        labels = [predictions.labels[index] for index in indices]
        return join_labels(labels) if multi else labels[0]

    predicted = predictions.predicted_labels if multi else predictions.predicted
    return tuple(
        ImagePrediction(
            path=paths[row],
            true=names(predictions.targets[row]),
            predicted=names(predicted[row]),
            probability=float(predictions.confidence[row]),
            true_probability=float(predictions.true_probability[row]),
        )
        for row in rows
    )


def _label_issues(predictions: Predictions, paths: Sequence[str]) -> tuple[LabelIssue, ...]:
    is_issue, suggested = find_label_issues(predictions)
    rows = np.flatnonzero(is_issue)
    probability = predictions.probabilities[np.arange(len(predictions)), suggested]
    margin = predictions.true_probability[rows] - probability[rows]
    order = np.argsort(margin, kind="stable")[:MAX_LABEL_ISSUES]
    return tuple(
        LabelIssue(
            path=paths[row],
            true=predictions.labels[predictions.targets[row]],
            suggested=predictions.labels[suggested[row]],
            probability=float(probability[row]),
            true_probability=float(predictions.true_probability[row]),
        )
        for row in rows[order]
    )


def _exemplars(predictions: Predictions, index: int, paths: Sequence[str]) -> ClassExemplars:
    multi = predictions.task == "multi"
    predicted = predictions.predicted_labels[:, index] if multi else predictions.predicted == index
    rows = np.flatnonzero(predictions.is_class(index) & predicted)
    probability = predictions.probabilities[rows, index]
    best = rows[np.argsort(-probability, kind="stable")[:MAX_EXEMPLARS]]
    median = np.median(probability) if len(probability) else 0.0
    typical = rows[np.argsort(np.abs(probability - median), kind="stable")[:MAX_EXEMPLARS]]
    return ClassExemplars(
        most_confident=_image_predictions(predictions, best, paths),
        typical=_image_predictions(predictions, typical, paths),
    )
