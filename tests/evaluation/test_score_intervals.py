"""Intervals of scores: exact where errors are few, the bootstrap's elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from foveal.evaluation.metrics import compute_scores
from foveal.evaluation.predictions import Predictions


def with_predicted(predicted: np.ndarray, targets: np.ndarray, k: int) -> Predictions:
    return Predictions(np.eye(k)[predicted], targets, tuple("abcdef"[:k]))


def test_an_accuracy_of_1_has_an_interval_below_1() -> None:
    targets = np.arange(30) % 3
    scores = compute_scores(with_predicted(targets, targets, 3))
    assert scores.accuracy == 1
    assert scores.accuracy_interval == pytest.approx((0.8842967, 1.0))
    assert scores.classes["a"].recall_interval == pytest.approx((0.6915029, 1.0))


@pytest.mark.parametrize("wrong", [1, 3, 4])
def test_no_interval_reaches_1_where_there_are_errors(wrong: int) -> None:
    targets = np.arange(252) % 6
    predicted = np.where(np.arange(252) < wrong, (targets + 1) % 6, targets)
    scores = compute_scores(with_predicted(predicted, targets, 6))
    names = {"accuracy", "balanced_accuracy", "macro_f1", "matthews_corrcoef"}
    assert set(scores.exact_intervals) == {*names, "top_3_accuracy", "top_5_accuracy"}
    for name in names:
        low, high = scores.intervals[name]
        assert low < getattr(scores, name) < high < 1
    for part in scores.classes.values():
        for name in ("precision", "recall", "f1"):
            low, high = getattr(part, f"{name}_interval")
            assert low <= getattr(part, name) <= high
            assert high < 1 or getattr(part, name) == 1
    accuracy = scores.intervals["accuracy"]
    assert scores.intervals["balanced_accuracy"] == pytest.approx(accuracy, abs=0.002)
    assert scores.intervals["macro_f1"] == pytest.approx(accuracy, abs=0.002)


def test_a_rare_class_weighs_in_the_interval_of_the_balanced_accuracy() -> None:
    targets = np.repeat([0, 1], [500, 5])
    predicted = targets.copy()
    predicted[-2:] = 0
    scores = compute_scores(with_predicted(predicted, targets, 2))
    low, high = scores.intervals["balanced_accuracy"]
    assert low < 0.6
    assert 0.95 < high < 1


def test_few_correct_predictions_have_an_interval_above_0() -> None:
    targets = np.arange(200) % 4
    predicted = np.where(np.arange(200) < 2, targets, (targets + 1) % 4)
    scores = compute_scores(with_predicted(predicted, targets, 4))
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        low, high = scores.intervals[name]
        assert 0 < low < getattr(scores, name) < high < 0.05


def test_matthews_interval_is_that_of_scikit_learn_over_resamples(single_label) -> None:
    predictions = single_label()
    scores = compute_scores(predictions)
    rng = np.random.default_rng(7)
    resamples = [rng.integers(400, size=400) for _ in range(500)]
    true, predicted = predictions.targets, predictions.predicted
    values = [metrics.matthews_corrcoef(true[rows], predicted[rows]) for rows in resamples]
    expected = np.quantile(values, (0.025, 0.975))
    assert scores.intervals["matthews_corrcoef"] == pytest.approx(expected, abs=0.02)
    assert "matthews_corrcoef" not in scores.exact_intervals


def test_every_score_has_an_interval(single_label, multi_label) -> None:
    shared = {"accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece"}
    intervals = compute_scores(single_label()).intervals
    single_only = {"matthews_corrcoef", "top_3_accuracy", "top_5_accuracy"}
    assert set(intervals) == shared | single_only
    scores = compute_scores(multi_label())
    assert set(scores.intervals) == {*shared, "hamming_score"}
    low, high = scores.intervals["hamming_score"]
    assert low < scores.hamming_score < high
