"""Reliability bins and the expected calibration error against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.evaluation.calibration import (
    N_CALIBRATION_BINS,
    bin_index,
    calibration_of,
    confidence_and_outcome,
    expected_calibration_error,
    reliability_bins,
)


def test_the_error_is_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(1000) * 0.999 + 0.0005
    outcome = rng.random(1000) < confidence**1.5
    expected = 0.0
    for k in range(N_CALIBRATION_BINS):
        inside = (confidence > k / N_CALIBRATION_BINS) & (
            confidence <= (k + 1) / N_CALIBRATION_BINS
        )
        if inside.any():
            gap = abs(confidence[inside].mean() - outcome[inside].mean())
            expected += inside.mean() * gap
    bins = reliability_bins(confidence, outcome)
    assert expected_calibration_error(bins) == pytest.approx(expected)
    assert sum(part.n for part in bins) == 1000


def test_empty_bins_have_no_accuracy() -> None:
    bins = reliability_bins(np.array([1.0, 1.0]), np.array([True, True]))
    assert expected_calibration_error(bins) == 0
    assert (bins[0].n, bins[0].confidence, bins[0].accuracy) == (0, None, None)
    assert bins[-1].n == 2


def test_bins_are_open_at_the_low_end() -> None:
    edges = np.array([0.0, 1 / N_CALIBRATION_BINS, 1 / N_CALIBRATION_BINS + 1e-9, 1.0])
    assert bin_index(edges).tolist() == [0, 0, 1, N_CALIBRATION_BINS - 1]


def test_multi_label_counts_every_label(multi_label) -> None:
    predictions = multi_label(n=50)
    confidence, outcome = confidence_and_outcome(predictions)
    assert confidence.shape == outcome.shape == (200,)
    assert np.array_equal(outcome.reshape(50, 4), predictions.targets)


def test_both_sides_of_the_temperature_are_reported(single_label) -> None:
    predictions, uncalibrated = single_label(), single_label(strength=4.0)
    calibration = calibration_of(predictions, uncalibrated, 1.5)
    alone = calibration_of(uncalibrated, None, 1.0)
    assert calibration.temperature == 1.5
    assert calibration.uncalibrated_bins == alone.bins
    assert calibration.uncalibrated_ece == alone.ece != calibration.ece
    assert alone.uncalibrated_bins is alone.uncalibrated_ece is None
