"""Exact binomial intervals against scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foveal.intervals import binomial_interval, binomial_lower_bounds


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 10), (10, 10), (3, 10), (97, 100), (0, 1), (137, 252)]
)
def test_the_two_sided_interval_equals_scipys(successes: int, trials: int) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    interval = binomial_interval(successes, trials)
    assert interval == pytest.approx((expected.low, expected.high))


def test_the_confidence_level_is_a_parameter() -> None:
    expected = stats.binomtest(8, 10).proportion_ci(0.8, method="exact")
    interval = binomial_interval(8, 10, confidence=0.8)
    assert interval == pytest.approx((expected.low, expected.high))


def test_without_trials_the_interval_is_everything() -> None:
    assert binomial_interval(0, 0) == (0.0, 1.0)


def test_fractional_counts_lie_between_whole_ones() -> None:
    low, high = binomial_interval(7.5, 10)
    assert binomial_interval(7, 10)[0] < low < binomial_interval(8, 10)[0]
    assert binomial_interval(7, 10)[1] < high < binomial_interval(8, 10)[1]


def test_lower_bounds_equal_scipys() -> None:
    successes, trials = np.array([0.0, 5, 59, 60]), np.array([5.0, 5, 60, 60])
    expected = [
        stats.binomtest(int(count), int(total), alternative="greater")
        .proportion_ci(0.95, method="exact")
        .low
        for count, total in zip(successes, trials, strict=True)
    ]
    assert binomial_lower_bounds(successes, trials) == pytest.approx(expected)
