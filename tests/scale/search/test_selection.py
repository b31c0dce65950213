"""The split-half estimate against simulated searches whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from foveal.scale.search.selection import estimate_selection_bias


def simulate(rng: np.random.Generator, skills: list[float], images: int) -> np.ndarray:
    return (rng.random((len(skills), images)) < np.array(skills)[:, None]).astype(float)


def test_equal_trials_gain_nothing_and_look_better_than_they_are() -> None:
    rng = np.random.default_rng(0)
    found, true = [], []
    for turn in range(30):
        accuracies = simulate(rng, [0.8] * 20, 400)
        result = estimate_selection_bias(accuracies, turn)
        found.append((result.bias, result.gain))
        true.append(accuracies.mean(axis=1).max() - 0.8)
    bias, gain = np.mean(found, axis=0)
    assert gain == pytest.approx(0.0, abs=0.01)
    assert bias == pytest.approx(np.mean(true), rel=0.25)


def test_a_trial_that_is_better_is_found() -> None:
    rng = np.random.default_rng(1)
    gains = [
        estimate_selection_bias(simulate(rng, [0.7, 0.7, 0.85, 0.7], 600), turn).gain
        for turn in range(10)
    ]
    assert np.mean(gains) == pytest.approx(0.15, abs=0.02)


def test_the_interval_holds_the_gain_and_the_seed_decides() -> None:
    accuracies = simulate(np.random.default_rng(2), [0.6, 0.7], 200)
    result = estimate_selection_bias(accuracies)
    assert result.low <= result.gain <= result.high
    assert result == estimate_selection_bias(accuracies)


def test_the_standard_error_is_that_of_paired_images() -> None:
    accuracies = simulate(np.random.default_rng(3), [0.6, 0.5, 0.8], 300)
    result = estimate_selection_bias(accuracies)
    differences = accuracies[2] - accuracies[0]
    assert result.standard_error == pytest.approx(scipy.stats.sem(differences))
    assert result.exceeds_error


def test_no_gain_exceeds_the_error_where_trials_are_equal() -> None:
    rng = np.random.default_rng(4)
    found = [estimate_selection_bias(simulate(rng, [0.8] * 8, 300), turn) for turn in range(20)]
    assert sum(one.exceeds_error for one in found) <= 5
    same = estimate_selection_bias(np.ones((3, 100)))
    assert (same.gain, same.standard_error, same.exceeds_error) == (0, 0, False)


@pytest.mark.parametrize("shape", [(1, 100), (5, 19), (0, 0)])
def test_too_little_to_say(shape: tuple[int, int]) -> None:
    assert estimate_selection_bias(np.ones(shape)) is None
