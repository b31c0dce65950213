"""Whether answers are better than guesses: a permutation test against scipy and plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.training.chance import is_at_chance

NUMBERS = np.random.default_rng(0)


def _logits(answers, classes):
    return np.float32(np.eye(classes)[answers])


@pytest.mark.parametrize("count", [2, 4, 9, 10, 500, 9000])
def test_a_constant_answer_is_chance_and_all_right_is_not(count):
    labels = np.arange(count) % 2
    labels[count * 9 // 10 :] = 1
    labels[0] = 0
    assert is_at_chance(_logits(np.ones(count, int), 2), labels)
    assert is_at_chance(np.full((count, 1), 1e6, np.float32), labels)
    assert not is_at_chance(_logits(labels, 2), labels)
    assert is_at_chance(_logits(1 - labels, 2), labels)


def test_guesses_are_chance_nineteen_times_in_twenty():
    found = [
        is_at_chance(np.float32(NUMBERS.normal(size=(200, 4))), NUMBERS.integers(0, 4, 200))
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.95, abs=0.03)


def test_a_rare_class_that_is_found_is_no_chance_though_accuracy_is_below_the_larger_share():
    labels = np.repeat([0, 1], [95, 5])
    answers = np.where(labels == 1, 1, (np.arange(100) < 10).astype(int))
    assert (answers == labels).mean() < 0.95
    assert not is_at_chance(_logits(answers, 2), labels)


def test_several_labels_an_image():
    labels = NUMBERS.integers(0, 2, (60, 3))
    assert not is_at_chance(np.float32(labels - 0.5), labels)
    assert is_at_chance(np.ones((60, 3), np.float32), labels)


def test_logits_that_are_not_finite_are_chance_and_one_class_shows_nothing():
    assert is_at_chance(np.full((9, 2), np.nan, np.float32), np.arange(9) % 2)
    assert not is_at_chance(np.zeros((9, 2), np.float32), np.zeros(9, np.int64))
    assert not is_at_chance(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=12, max_size=40))
def test_the_deviation_is_that_of_the_permutations(pairs):
    answers, labels = np.array(pairs).T
    numbers = np.random.default_rng(1)
    dealt = np.array([(answers == numbers.permutation(labels)).sum() for _ in range(3000)])
    if dealt.std() == 0:
        return
    deviations = ((answers == labels).sum() - dealt.mean()) / dealt.std()
    if abs(deviations - 1.645) > 0.15:
        assert is_at_chance(_logits(answers, 3), labels) == (deviations < 1.645)
