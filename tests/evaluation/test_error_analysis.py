from __future__ import annotations

import numpy as np
import pytest

from foveal.evaluation.comparison import differences
from foveal.evaluation.error_analysis import error_analysis, suspected, worst
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.score_intervals import losses
from foveal.evaluation.slices import slices


def noisy(n: int = 600, wrong: int = 30) -> tuple[Predictions, np.ndarray]:
    """Well separated classes, the first `wrong` labels changed to the next class."""
    chance = np.random.default_rng(0)
    truth = chance.integers(3, size=n)
    logits = chance.normal(size=(n, 3))
    logits[np.arange(n), truth] += 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = truth.copy()
    labels[:wrong] = (labels[:wrong] + 1) % 3
    return Predictions(probabilities, labels, ("a", "b", "c")), np.arange(n) < wrong


def test_changed_labels_are_suspected_and_few_others() -> None:
    answers, changed = noisy()
    found, _ = suspected(answers)
    assert found[changed].mean() > 0.7
    assert found[~changed].mean() < 0.03


def test_suspects_are_those_of_the_paper_by_a_plain_loop() -> None:
    answers, _ = noisy()
    usual = [answers.probabilities[answers.targets == k, k].mean() for k in range(3)]
    wrong, classes = suspected(answers)
    shown = {
        one.path: one for one in error_analysis(answers, [str(row) for row in range(600)]).suspects
    }
    for row, is_suspected in enumerate(wrong):
        believed = [k for k in range(3) if answers.probabilities[row, k] >= usual[k]]
        best = max(believed, key=lambda k: answers.probabilities[row, k], default=None)
        own = answers.targets[row]
        wanted = (
            best is not None
            and best != own
            and answers.probabilities[row, best] > answers.probabilities[row, own]
        )
        assert is_suspected == wanted
        assert (str(row) in shown) == wanted
        if wanted:
            assert classes[row] == best
            assert shown[str(row)].suggested == answers.labels[best]


def test_a_class_that_is_not_believed_is_not_suggested() -> None:
    """The most probable class may be less sure than it is of its own images."""
    said = np.array([[0.9, 0.1, 0], [0.1, 0.3, 0.6], [0.1, 0.3, 0.6], [0.5, 0.4, 0.1]])
    answers = Predictions(said, np.array([0, 1, 1, 2]), ("a", "b", "c"))
    found = {one.path: one.suggested for one in error_analysis(answers, list("1234")).suspects}
    assert found == {"2": "c", "3": "c", "4": "b"}


def test_worst_first_pairs_by_count_and_exemplars_are_right() -> None:
    answers, _ = noisy()
    paths = [f"{row}.png" for row in range(len(answers))]
    found = error_analysis(answers, paths)
    held = [image.true_probability for image in found.worst]
    assert held == sorted(held)
    assert all(image.true != image.predicted for image in found.worst)
    assert len(worst(answers)) == (~answers.correct).sum()
    counts = {(pair.true, pair.predicted): pair.n for pair in found.confused}
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    said, truth = answers.predicted, answers.targets
    assert counts["b", "a"] == ((truth == 1) & (said == 0)).sum()
    for label, part in found.classes.items():
        assert len(part.best) == len(part.typical) == 6
        assert {image.true for image in part.best} == {label}
        shown = [image.probability for image in part.best]
        assert shown == sorted(shown, reverse=True)


def test_the_weak_slice_is_named_first() -> None:
    chance = np.random.default_rng(0)
    n = 400
    place = np.where(np.arange(n) < 100, "dark room", "outside")
    right = np.where(place == "dark room", chance.random(n) < 0.5, chance.random(n) < 0.95)
    probabilities = np.where(right[:, None], [[0.9, 0.1]], [[0.1, 0.9]])
    answers = Predictions(probabilities, np.zeros(n, np.int64), ("x", "y"))
    size = np.arange(n, dtype=float)
    found = slices(
        answers, {"size": size}, {"place": place.tolist(), "id": [str(i) for i in range(n)]}
    )
    assert (found[0].by, found[0].n) in {("place", 100), ("id", 100), ("size", 100)}
    room = next(part for part in found if part.value == "dark room")
    assert room.accuracy == pytest.approx(right[:100].mean())
    assert room.interval[0] < room.accuracy < room.interval[1]
    assert room.difference == pytest.approx(right[:100].mean() - right.mean())
    ranges = [part for part in found if part.by == "size"]
    assert sum(part.n for part in ranges) == n
    assert [part.value for part in found if part.by == "id"]


def test_small_slices_and_constant_columns_are_left_out() -> None:
    answers, _ = noisy(60, 0)
    columns = {"same": ["x"] * 60, "rare": ["x"] * 55 + ["y"] * 5}
    assert [part.value for part in slices(answers, {}, columns)] == ["x"]


def test_paired_intervals_are_narrower_than_unpaired_ones() -> None:
    answers, _ = noisy(600, 60)
    chance = np.random.default_rng(5)
    other = answers.probabilities.copy()
    spoilt = chance.choice(600, 30, replace=False)
    other[spoilt] = other[spoilt][:, [1, 2, 0]]
    second = Predictions(other, answers.targets, answers.labels)
    (gap,) = differences({"one": answers, "two": second})
    assert gap.accuracy == pytest.approx(answers.correct.mean() - second.correct.mean())
    assert gap.nll == pytest.approx((losses(answers) - losses(second)).mean())
    assert gap.accuracy_interval[0] > 0
    assert gap.accuracy_interval[1] - gap.accuracy_interval[0] < 0.05
    (same,) = differences({"one": answers, "again": answers})
    assert same.accuracy_interval == (0.0, 0.0)
