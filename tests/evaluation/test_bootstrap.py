from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foveal.evaluation.bootstrap import (
    percentile,
    resampled,
    share,
    weighted,
    weights,
)
from foveal.intervals import binomial_interval


def test_every_resample_draws_as_many_images_as_there_are() -> None:
    blocks = list(weights(50, resamples=30))
    drawn = np.concatenate(blocks)
    assert drawn.shape == (30, 50)
    assert (drawn.sum(axis=1) == 50).all()
    assert np.array_equal(drawn, np.concatenate(list(weights(50, resamples=30))))


def test_groups_are_drawn_whole() -> None:
    groups = np.repeat(np.arange(10), 5)
    for block in weights(50, groups, resamples=20):
        assert (block.reshape(len(block), 10, 5) == block.reshape(len(block), 10, 5)[..., :1]).all()


def test_the_bootstrap_spread_is_the_theory_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=500)
    sums = np.column_stack([np.ones(500), values])
    means = resampled(sums, 500, None, lambda total: total[:, 1] / total[:, 0])
    assert means.std() == pytest.approx(values.std() / np.sqrt(500), rel=0.1)
    low, high = percentile(means)
    half = 1.96 * values.std() / np.sqrt(500)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_groups_widen_the_interval_where_images_repeat_each_other() -> None:
    right = np.repeat(np.random.default_rng(0).random(60) < 0.8, 10).astype(float)
    groups = np.repeat(np.arange(60), 10)
    sums = np.column_stack([np.ones(600), right])
    alone = resampled(sums, 600, None, lambda total: total[:, 1] / total[:, 0])
    together = resampled(sums, 600, groups, lambda total: total[:, 1] / total[:, 0])
    assert together.std() > 2.5 * alone.std()


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    chance = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        right = (chance.random(200) < 0.85).astype(float)
        sums = np.column_stack([np.ones(200), right])
        values = resampled(sums, 200, None, lambda total: total[:, 1] / total[:, 0])
        low, high = share(values, right.sum(), 200, 200)
        held += low <= 0.85 <= high
    assert 88 <= held <= 100


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert percentile(np.array([np.nan, np.nan])) is None
    assert share(np.array([np.nan]), 0, 0, 1) is None


def shares(right: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    sums = np.column_stack([np.ones(len(right)), right])
    return resampled(sums, len(right), groups, lambda total: total[:, 1] / total[:, 0])


@pytest.mark.parametrize("wrong", [1, 4, 29])
def test_few_wrong_answers_have_the_exact_interval_and_few_right_ones_too(wrong: int) -> None:
    right = (np.arange(252) >= wrong).astype(float)
    wanted = stats.binomtest(252 - wrong, 252).proportion_ci(0.95, method="exact")
    low, high = share(shares(right), 252 - wrong, 252, 252)
    assert (low, high) == pytest.approx((wanted.low, wanted.high))
    assert high < 1
    assert share(shares(1 - right), wrong, 252, 252) == pytest.approx((1 - high, 1 - low))


def test_many_of_both_are_resampled() -> None:
    values = shares((np.arange(252) >= 30).astype(float))
    assert share(values, 222, 252, 252) == percentile(values)


def test_few_errors_in_groups_count_as_what_they_are_worth() -> None:
    groups = np.repeat(np.arange(60), 10)
    together = (np.arange(600) >= 20).astype(float)  # two whole groups are wrong
    apart = (np.arange(600) % 30 != 0).astype(float)  # an image in every third group
    wide = share(shares(together, groups), 580, 600, 60)
    assert wide == pytest.approx(binomial_interval(58, 60), abs=0.01)
    near = share(shares(apart, groups), 580, 600, 60)
    assert near == pytest.approx(binomial_interval(580, 600), abs=0.003)


def test_weighted_errors_of_one_weight_are_poissons() -> None:
    low, high = weighted(np.full(4, 0.1), 0.1, 0.01)
    wanted = stats.chi2.ppf(0.025, 8) / 20, stats.chi2.ppf(0.975, 10) / 20
    assert (low, high) == pytest.approx(wanted)
    assert weighted(np.zeros(4), 0.1, 0.01) == pytest.approx((0, stats.chi2.ppf(0.975, 2) / 20))
