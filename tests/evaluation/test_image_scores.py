"""Scores of single images against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.evaluation.calibration import N_CALIBRATION_BINS
from foveal.evaluation.image_scores import (
    bin_sums,
    brier_scores,
    class_counts,
    log_losses,
    share_of_labels_correct,
    top_k_correct,
)
from foveal.evaluation.predictions import Predictions


def test_losses_of_one_label(single_label) -> None:
    predictions = single_label(n=20)
    for row, target in enumerate(predictions.targets):
        probabilities = predictions.probabilities[row]
        assert log_losses(predictions)[row] == pytest.approx(-np.log(probabilities[target]))
        expected = ((probabilities - np.eye(6)[target]) ** 2).sum()
        assert brier_scores(predictions)[row] == pytest.approx(expected)


def test_losses_of_several_labels_are_means_over_labels(multi_label) -> None:
    predictions = multi_label(n=20)
    correct = np.where(
        predictions.targets, predictions.probabilities, 1 - predictions.probabilities
    )
    assert log_losses(predictions) == pytest.approx(-np.log(correct).mean(axis=1))
    assert brier_scores(predictions) == pytest.approx(((1 - correct) ** 2).mean(axis=1))
    hits = (predictions.probabilities >= 0.5) == predictions.targets
    assert share_of_labels_correct(predictions) == pytest.approx(hits.mean(axis=1))


def test_the_log_loss_of_an_impossible_truth_is_finite() -> None:
    predictions = Predictions(np.array([[1.0, 0.0]]), np.array([1]), ("a", "b"))
    assert log_losses(predictions).tolist() == pytest.approx([-np.log(1e-12)])


def test_ties_count_against_the_model() -> None:
    predictions = Predictions(np.full((1, 5), 0.2), np.array([0]), tuple("abcde"))
    assert {k: correct.tolist() for k, correct in top_k_correct(predictions).items()} == {3: [0.0]}


def test_class_counts_sum_to_correct_true_and_predicted(single_label, multi_label) -> None:
    predictions = single_label(n=50, k=3)
    sums = np.asarray(class_counts(predictions).sum(axis=0)).ravel().reshape(3, 3)
    for k in range(3):
        true, predicted = predictions.targets == k, predictions.predicted == k
        expected = [(true & predicted).sum(), true.sum(), predicted.sum()]
        assert sums[:, k].tolist() == expected
    several = multi_label(n=50)
    sums = np.asarray(class_counts(several).sum(axis=0)).ravel().reshape(3, 4)
    assert sums[1].tolist() == several.targets.sum(axis=0).tolist()
    assert sums[2].tolist() == several.predicted_labels.sum(axis=0).tolist()


def test_bin_sums_count_every_image_once(single_label) -> None:
    predictions = single_label(n=50)
    confidence, outcome, count = np.split(bin_sums(predictions).toarray(), 3, axis=1)
    assert count.shape == (50, N_CALIBRATION_BINS)
    assert (count.sum(axis=1) == 1).all()
    assert confidence.sum(axis=1) == pytest.approx(predictions.confidence)
    assert outcome.sum() == predictions.correct.sum()
