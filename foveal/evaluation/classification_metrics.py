"""Counts and scores of labels and rankings, as scikit-learn defines them, in NumPy.

Importing scikit-learn takes 1.8 s on two cores, at the end of every run and of every evaluation;
a test holds every function here equal to its.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foveal.evaluation.predictions import BoolArray, FloatArray, IntArray


class LabelScores(NamedTuple):
    """Of each of K classes: float64 precision, recall and f1 (0 where 0 / 0), int64 counts.

    support: images of the class; predicted: images predicted to be of it.
    """

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: IntArray
    predicted: IntArray


def confusion_matrix(targets: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """int64 (K, K), counts [true][predicted] of class indices (N,)."""
    cells = targets * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def label_confusion_matrices(targets: BoolArray, predicted: BoolArray) -> IntArray:
    """int64 (K, 2, 2), [[tn, fp], [fn, tp]] of each label of (N, K)."""
    pairs = ((~targets, ~predicted), (~targets, predicted), (targets, ~predicted))
    counts = [(true & found).sum(axis=0) for true, found in (*pairs, (targets, predicted))]
    return np.stack(counts, axis=1).reshape(-1, 2, 2)


def label_scores(correct: IntArray, support: IntArray, predicted: IntArray) -> LabelScores:
    """From counts (K,); correct: images of the class that are predicted to be of it."""
    return LabelScores(
        _ratio(correct, predicted),
        _ratio(correct, support),
        _ratio(2 * correct, support + predicted),
        support,
        predicted,
    )


def matthews_corrcoef(confusion: IntArray) -> float:
    """The correlation of truth and prediction for K classes (Gorodkin 2004); 0 where 0 / 0."""
    counts = confusion.astype(np.float64)
    correct, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    n = np.array([counts.sum()])
    return float(matthews_of_counts(n, correct[None], true[None], predicted[None])[0])


def matthews_of_counts(
    n: FloatArray, correct: FloatArray, true: FloatArray, predicted: FloatArray
) -> FloatArray:
    """(b,) coefficients of (b,) images; counts are (b, K) by class, of `correct` also (b, 1)."""
    covariance = n * correct.sum(axis=1) - (true * predicted).sum(axis=1)
    square = (n**2 - (true**2).sum(axis=1)) * (n**2 - (predicted**2).sum(axis=1))
    out = np.zeros(len(covariance))
    return np.asarray(np.divide(covariance, np.sqrt(square.clip(0)), out=out, where=square > 0))


def roc_auc(truth: BoolArray, scores: FloatArray) -> float:
    """The share of pairs of a positive and a negative that are in order; ties count half.

    Of (N,) with at least one of both (Mann-Whitney U).
    """
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positive, negative = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(truth: BoolArray, scores: FloatArray) -> float:
    """The mean of precision over the positives, at each distinct score; at least one positive."""
    _, places = np.unique(-scores, return_inverse=True)
    positive = np.bincount(places, weights=truth)
    precision = np.cumsum(positive) / np.cumsum(np.bincount(places))
    return float(precision @ positive / positive.sum())


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
