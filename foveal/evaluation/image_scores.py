"""Scores of single images, and what each image adds to the sums a score is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from foveal.evaluation.calibration import N_CALIBRATION_BINS, bin_index, confidence_and_outcome
from foveal.evaluation.predictions import FloatArray, Predictions

TOP_K = (3, 5, 10)
_MIN_PROBABILITY = 1e-12
"""Probabilities are clipped here in the log loss, so that a single error stays finite."""


def log_losses(predictions: Predictions) -> FloatArray:
    """(N,) minus the log of the true class's probability; multi-label: the mean over labels."""
    if predictions.task == "multi":
        clipped = np.clip(predictions.target_probabilities, _MIN_PROBABILITY, 1)
        return np.asarray(-np.log(clipped).mean(axis=1))
    return np.asarray(-np.log(np.clip(predictions.true_probability, _MIN_PROBABILITY, 1)))


def brier_scores(predictions: Predictions) -> FloatArray:
    """(N,) Brier score (1950): squared distance to the truth, summed over classes, 0..2.

    Multi-label: the mean over labels, 0..1.
    """
    if predictions.task == "multi":
        return np.asarray(((predictions.probabilities - predictions.targets) ** 2).mean(axis=1))
    squares = (predictions.probabilities**2).sum(axis=1)
    return np.asarray(squares - 2 * predictions.true_probability + 1)


def top_k_correct(predictions: Predictions) -> dict[int, FloatArray]:
    """By k, (N,) 1 where the truth is among the k most probable; ties count against the model."""
    if predictions.task == "multi":
        return {}
    own = predictions.true_probability[:, None]
    rank = (predictions.probabilities >= own).sum(axis=1) - 1
    return {k: (rank < k).astype(np.float64) for k in TOP_K if k < len(predictions.labels)}


def share_of_labels_correct(predictions: Predictions) -> FloatArray:
    """(N,) share of the labels that are correct on each image; multi-label only."""
    return np.asarray((predictions.predicted_labels == predictions.targets).mean(axis=1))


def class_counts(predictions: Predictions) -> Any:
    """(N, 3K) sparse: correct predictions, truths and predictions of each class."""
    from scipy import sparse

    n, k = len(predictions), len(predictions.labels)
    if predictions.task == "multi":
        true = np.asarray(predictions.targets, np.float32)
        predicted = predictions.predicted_labels.astype(np.float32)
        return sparse.csr_matrix(np.hstack([true * predicted, true, predicted]))
    rows, correct_rows = np.arange(n), np.flatnonzero(predictions.correct)
    columns = [
        predictions.targets[correct_rows],
        predictions.targets + k,
        predictions.predicted + 2 * k,
    ]
    indices = np.concatenate([correct_rows, rows, rows]), np.concatenate(columns)
    ones = np.ones(len(indices[0]), np.float32)
    return sparse.csr_matrix((ones, indices), shape=(n, 3 * k))


def bin_sums(predictions: Predictions) -> Any:
    """(N, 3 N_CALIBRATION_BINS) sparse: confidence, outcome and count by reliability bin."""
    from scipy import sparse

    confidence, outcome = confidence_and_outcome(predictions)
    rows = np.repeat(np.arange(len(predictions)), len(confidence) // len(predictions))
    index = bin_index(confidence)
    blocks = [
        sparse.csr_matrix((values, (rows, index)), shape=(len(predictions), N_CALIBRATION_BINS))
        for values in (confidence, outcome.astype(np.float64), np.ones(len(confidence)))
    ]
    return sparse.hstack(blocks)
