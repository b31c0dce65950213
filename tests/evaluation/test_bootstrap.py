"""Bootstrap and exact intervals against theory and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foveal.evaluation.bootstrap import (
    percentile_interval,
    proportion_interval,
    resample_statistic,
    resample_weights,
    weighted_count_interval,
)
from foveal.intervals import binomial_interval


def resampled_mean(values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    summands = np.column_stack([np.ones(len(values)), values])
    return resample_statistic(summands, len(values), groups, lambda sums: sums[:, 1] / sums[:, 0])


def test_every_resample_draws_as_many_images_as_there_are() -> None:
    weights = np.concatenate(list(resample_weights(50, resamples=30)))
    assert weights.shape == (30, 50)
    assert (weights.sum(axis=1) == 50).all()
    assert np.array_equal(weights, np.concatenate(list(resample_weights(50, resamples=30))))


def test_groups_are_drawn_whole() -> None:
    groups = np.repeat(np.arange(10), 5)
    for weights in resample_weights(50, groups, resamples=20):
        by_group = weights.reshape(len(weights), 10, 5)
        assert (by_group == by_group[..., :1]).all()


def test_the_bootstrap_spread_is_the_theory_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=500)
    means = resampled_mean(values)
    assert means.std() == pytest.approx(values.std() / np.sqrt(500), rel=0.1)
    low, high = percentile_interval(means)
    half = 1.96 * values.std() / np.sqrt(500)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_groups_widen_the_interval_where_images_repeat_each_other() -> None:
    correct = np.repeat(np.random.default_rng(0).random(60) < 0.8, 10).astype(float)
    groups = np.repeat(np.arange(60), 10)
    assert resampled_mean(correct, groups).std() > 2.5 * resampled_mean(correct).std()


def test_intervals_cover_the_truth_about_as_often_as_they_claim() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        correct = (rng.random(200) < 0.85).astype(float)
        low, high = proportion_interval(resampled_mean(correct), correct.sum(), 200, 200)
        covered += low <= 0.85 <= high
    assert 88 <= covered <= 100


def test_without_values_there_is_no_interval() -> None:
    assert percentile_interval(np.array([np.nan, np.nan])) is None
    assert proportion_interval(np.array([np.nan]), 0, 0, 1) is None


@pytest.mark.parametrize("wrong", [1, 4, 29])
def test_few_wrong_predictions_have_the_exact_interval_and_few_correct_too(wrong: int) -> None:
    correct = (np.arange(252) >= wrong).astype(float)
    expected = stats.binomtest(252 - wrong, 252).proportion_ci(0.95, method="exact")
    low, high = proportion_interval(resampled_mean(correct), 252 - wrong, 252, 252)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert high < 1
    mirrored = proportion_interval(resampled_mean(1 - correct), wrong, 252, 252)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_many_correct_and_many_wrong_are_resampled() -> None:
    values = resampled_mean((np.arange(252) >= 30).astype(float))
    assert proportion_interval(values, 222, 252, 252) == percentile_interval(values)


def test_few_errors_in_groups_count_by_the_effective_sample_size() -> None:
    groups = np.repeat(np.arange(60), 10)
    clustered = (np.arange(600) >= 20).astype(float)  # two whole groups are wrong
    scattered = (np.arange(600) % 30 != 0).astype(float)  # an image in every third group
    wide = proportion_interval(resampled_mean(clustered, groups), 580, 600, 60)
    assert wide == pytest.approx(binomial_interval(58, 60), abs=0.01)
    narrow = proportion_interval(resampled_mean(scattered, groups), 580, 600, 60)
    assert narrow == pytest.approx(binomial_interval(580, 600), abs=0.003)


def test_equal_weights_give_the_poisson_interval() -> None:
    low, high = weighted_count_interval(np.full(4, 0.1), 0.1, 0.01)
    expected = stats.chi2.ppf(0.025, 8) / 20, stats.chi2.ppf(0.975, 10) / 20
    assert (low, high) == pytest.approx(expected)
    of_none = weighted_count_interval(np.zeros(4), 0.1, 0.01)
    assert of_none == pytest.approx((0, stats.chi2.ppf(0.975, 2) / 20))
