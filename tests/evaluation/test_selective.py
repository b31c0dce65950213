"""The coverage curve, stored thresholds and out-of-distribution images, against plain counts."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.evaluation.predictions import Predictions
from foveal.evaluation.selective import (
    coverage_curve,
    score_abstention,
    score_operating_points,
    score_out_of_distribution,
)
from foveal.model.manifest import Thresholds


def test_each_point_is_a_plain_count(calibrated) -> None:
    predictions = calibrated(237, 0)
    curve = coverage_curve(predictions)
    assert curve[0].coverage == 1
    assert curve[0].accuracy == pytest.approx(predictions.correct.mean())
    for point in curve:
        is_predicted = predictions.max_probability >= point.threshold
        assert point.n == is_predicted.sum()
        assert point.accuracy == pytest.approx(predictions.correct[is_predicted].mean())
        assert point.accuracy_lower_bound <= point.accuracy
    coverages = [point.coverage for point in curve]
    assert coverages == sorted(coverages, reverse=True)


def test_ties_are_predicted_together() -> None:
    same = Predictions(np.full((10, 2), 0.5), np.zeros(10, np.int64), ("a", "b"))
    assert [point.n for point in coverage_curve(same)] == [10]


def test_the_stored_abstention_threshold_is_scored(calibrated) -> None:
    predictions = calibrated(500, 0)
    assert score_abstention(predictions, None) is None
    score = score_abstention(predictions, 0.9)
    is_predicted = predictions.max_probability >= 0.9
    accuracy = predictions.correct[is_predicted].mean()
    assert (score.n, score.accuracy) == (is_predicted.sum(), pytest.approx(accuracy))
    nothing = score_abstention(predictions, 1.0)
    assert (nothing.n, nothing.accuracy, nothing.accuracy_interval) == (0, None, None)


def test_stored_operating_points_are_scored(single_label, multi_label) -> None:
    predictions = single_label(k=2)
    thresholds = Thresholds(positive_class="class 1", operating_point=0.3)
    (point,) = score_operating_points(predictions, thresholds)
    true, predicted = predictions.targets == 1, predictions.probabilities[:, 1] >= 0.3
    assert (point.label, point.threshold) == ("class 1", 0.3)
    assert point.recall == pytest.approx(predicted[true].mean())
    assert point.precision == pytest.approx(true[predicted].mean())
    assert score_operating_points(predictions, Thresholds()) == ()
    per_label = Thresholds(per_label={"a": 0.4, "c": 0.6})
    points = score_operating_points(multi_label(), per_label)
    assert [one.label for one in points] == ["a", "c"]


def test_out_of_distribution_images_below_the_threshold_are_rejected(calibrated) -> None:
    predictions = calibrated(500, 0)
    probabilities = np.full((40, 3), 1 / 3)
    score = score_out_of_distribution("folder", probabilities, predictions, 0.5, 2)
    assert (score.rejection_rate, score.n, score.unusable) == (1.0, 40, 2)
    assert score.mean_max_probability == pytest.approx(1 / 3)
    assert score.roc_auc == 1.0
    without = score_out_of_distribution("folder", probabilities, predictions, None, 0)
    assert without.rejection_rate is without.rejection_rate_interval is None
