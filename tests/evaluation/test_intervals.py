from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foveal.evaluation.intervals import (
    exact,
    lower_bounds,
    percentile,
    resampled,
    share,
    weights,
)


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (10, 10), (3, 10), (97, 100), (0, 1)])
def test_the_exact_interval_is_scipys(hits: int, total: int) -> None:
    wanted = stats.binomtest(hits, total).proportion_ci(0.95, method="exact")
    assert exact(hits, total) == pytest.approx((wanted.low, wanted.high))


def test_lower_bounds_are_scipys() -> None:
    hits, totals = np.array([0, 5, 59, 60]), np.array([5, 5, 60, 60])
    wanted = [
        stats.binomtest(int(h), int(n), alternative="greater")
        .proportion_ci(0.95, method="exact")
        .low
        for h, n in zip(hits, totals, strict=True)
    ]
    assert lower_bounds(hits, totals) == pytest.approx(wanted)


def test_every_resample_draws_as_many_pictures_as_there_are() -> None:
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


def test_groups_widen_the_interval_where_pictures_repeat_each_other() -> None:
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
