"""Whether answers are better than guesses: exact tests against plain loops, and their levels."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from foveal.training import chance
from foveal.training.chance import LEVEL, compare_with_chance

NUMBERS = np.random.default_rng(0)


def _logits(answers, classes):
    return np.float32(np.eye(classes)[answers])


@pytest.mark.parametrize("count", [20, 500, 9000])
def test_a_constant_answer_is_chance_and_all_right_is_better(count):
    labels = np.arange(count) % 2
    labels[count * 9 // 10 :] = 1
    assert compare_with_chance(_logits(np.ones(count, int), 2), labels) == "chance"
    assert compare_with_chance(np.full((count, 1), 1e6, np.float32), labels) == "chance"
    assert compare_with_chance(_logits(labels, 2), labels) == "better"
    assert compare_with_chance(_logits(1 - labels, 2), labels) == "chance"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_so_few_images_show_nothing_of_two_classes_whatever_the_answers(count):
    labels = np.arange(count) % 2
    for answers in (labels, np.zeros(count, int), np.ones(count, int)):
        assert compare_with_chance(_logits(answers, 2), labels) == "undecided"


def test_four_images_of_four_classes_are_enough_where_all_are_right():
    labels = np.arange(4)  # one of 24 permutations
    assert compare_with_chance(_logits(labels, 4), labels) == "better"
    assert compare_with_chance(_logits([0, 1, 3, 2], 4), labels) == "undecided"


def test_one_answer_to_all_training_images_is_chance_however_few_they_are():
    labels = np.array([0, 1])
    assert compare_with_chance(_logits([1, 1], 2), labels, fitted=True) == "chance"
    assert compare_with_chance(_logits([0, 1], 2), labels, fitted=True) == "undecided"


@pytest.fixture
def drawn_once(monkeypatch):
    """The draws are the same in every call, and most of its time."""
    for name in ("_draw_permutations", "_draw_useful_predictions"):
        monkeypatch.setattr(chance, name, cache(getattr(chance, name)))


@pytest.mark.parametrize("count", [6, 8, 9, 12, 30, 200])
@pytest.mark.parametrize("classes", [2, 4])
def test_guesses_are_called_better_at_most_at_the_level(count, classes, drawn_once):
    found = [
        compare_with_chance(
            np.float32(NUMBERS.normal(size=(count, classes))), NUMBERS.integers(0, classes, count)
        )
        for _ in range(400)
    ]
    assert found.count("better") / 400 <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 400) ** 0.5
    if count >= 30:
        assert found.count("chance") / 400 > 0.8


@pytest.mark.parametrize("count", [2, 4, 6, 9, 12, 30, 200])
@pytest.mark.parametrize(("classes", "accuracy"), [(2, 0.75), (2, 0.9), (4, 0.75), (10, 0.6)])
def test_useful_models_are_called_chance_at_most_at_the_level(count, classes, accuracy, drawn_once):
    found = []
    for _ in range(300):
        labels = NUMBERS.permutation(np.arange(count) % classes)
        wrong = (labels + NUMBERS.integers(1, classes, count)) % classes
        answers = np.where(NUMBERS.random(count) < accuracy, labels, wrong)
        found.append(compare_with_chance(_logits(answers, classes), labels))
    assert found.count("chance") / 300 <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 300) ** 0.5


def test_a_rare_class_that_is_found_is_better_though_accuracy_is_below_the_larger_share():
    labels = np.repeat([0, 1], [95, 5])
    answers = np.where(labels == 1, 1, (np.arange(100) < 10).astype(int))
    assert (answers == labels).mean() < 0.95
    assert compare_with_chance(_logits(answers, 2), labels) == "better"


def test_several_labels_an_image():
    labels = NUMBERS.integers(0, 2, (60, 3))
    assert compare_with_chance(np.float32(labels - 0.5), labels) == "better"
    assert compare_with_chance(np.ones((60, 3), np.float32), labels) == "chance"
    guesses = np.float32(NUMBERS.permutation(labels) - 0.5)
    assert compare_with_chance(guesses, labels) == "chance"


def test_logits_that_are_not_finite_are_chance_and_one_class_shows_nothing():
    assert compare_with_chance(np.full((9, 2), np.nan, np.float32), np.arange(9) % 2) == "chance"
    assert compare_with_chance(np.zeros((9, 2), np.float32), np.zeros(9, np.int64)) == "undecided"
    assert compare_with_chance(np.zeros((0, 2), np.float32), np.zeros(0, np.int64)) == "undecided"


def _p(answers, labels):
    classes = int(max(answers.max(), labels.max())) + 1
    parts = [np.eye(classes)[one] - np.eye(classes)[one].mean(axis=0) for one in (answers, labels)]
    return chance._p_value_of_chance(float((parts[0] * parts[1]).sum()), *parts)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=6))
def test_of_few_images_every_permutation_is_counted(pairs):
    answers, labels = np.array(pairs).T
    right = (answers == labels).sum()
    share = np.mean([(answers == np.array(one)).sum() >= right for one in permutations(labels)])
    assert _p(answers, labels) == pytest.approx(share)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=8, max_size=60))
def test_of_more_images_it_is_that_of_fishers_exact_test(pairs):
    answers, labels = np.array(pairs).T
    both = (answers & labels).sum()
    exact = hypergeom.sf(both - 1, len(labels), labels.sum(), answers.sum())
    found = _p(answers, labels)
    if found == LEVEL:  # the inequality, which promises no more than this
        assert exact <= LEVEL
    else:
        assert found == pytest.approx(exact, abs=0.05)
