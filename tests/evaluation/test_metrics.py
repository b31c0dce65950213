"""Every score against scikit-learn's own or a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from foveal.errors import Error
from foveal.evaluation.metrics import score
from foveal.evaluation.predictions import Predictions, group_numbers, require_finite


def answers(n: int = 400, k: int = 6, seed: int = 0, strength: float = 2.0, **more) -> Predictions:
    chance = np.random.default_rng(seed)
    targets = chance.integers(k, size=n)
    logits = chance.normal(size=(n, k))
    logits[np.arange(n), targets] += strength
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(probabilities, targets, tuple(f"class {i}" for i in range(k)), **more)


def several(n: int = 300, k: int = 4, seed: int = 0) -> Predictions:
    chance = np.random.default_rng(seed)
    targets = chance.random((n, k)) < 0.4
    noise = chance.normal(size=(n, k))
    probabilities = 1 / (1 + np.exp(-(2.5 * targets - 1.2 + noise)))
    return Predictions(probabilities, targets, tuple("abcd"[:k]), task="multi")


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10_000), st.floats(0, 4))
def test_scores_are_those_of_scikit_learn(k: int, seed: int, strength: float) -> None:
    given_answers = answers(n=120, k=k, seed=seed, strength=strength)
    truth, said = given_answers.targets, given_answers.predicted
    found = score(given_answers)
    present = np.unique(truth)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, said))
    recall = metrics.recall_score(truth, said, labels=present, average="macro", zero_division=0)
    assert found.balanced_accuracy == pytest.approx(recall)
    f1 = metrics.f1_score(truth, said, labels=present, average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(f1)
    assert found.matthews == pytest.approx(metrics.matthews_corrcoef(truth, said))
    loss = metrics.log_loss(truth, given_answers.probabilities, labels=range(k))
    assert found.nll == pytest.approx(loss)
    onehot = np.eye(k)[truth]
    brier = ((given_answers.probabilities - onehot) ** 2).sum(axis=1).mean()
    assert found.brier == pytest.approx(brier)
    expected = metrics.confusion_matrix(truth, said, labels=range(k)).tolist()
    assert found.confusion == expected
    if k > 3:
        top = metrics.top_k_accuracy_score(truth, given_answers.probabilities, k=3, labels=range(k))
        assert found.top_k["3"] == pytest.approx(top)


def test_each_class_against_the_rest() -> None:
    given_answers = answers()
    found = score(given_answers)
    for index, label in enumerate(given_answers.labels):
        own, part = given_answers.targets == index, found.classes[label]
        said = given_answers.probabilities[:, index]
        assert part.roc_auc == pytest.approx(metrics.roc_auc_score(own, said))
        assert part.average_precision == pytest.approx(metrics.average_precision_score(own, said))
        assert part.support == own.sum()
        assert part.recall_interval is not None
        assert part.recall_interval[0] <= part.recall <= part.recall_interval[1]


def test_a_class_without_images_has_no_scores_and_moves_no_average() -> None:
    whole = answers(k=3)
    kept = whole.targets != 2
    found = score(Predictions(whole.probabilities[kept], whole.targets[kept], whole.labels))
    empty = found.classes["class 2"]
    assert (empty.precision, empty.recall, empty.f1, empty.support) == (None, None, None, 0)
    assert empty.roc_auc is None
    parts = [found.classes["class 0"], found.classes["class 1"]]
    assert found.macro_f1 == pytest.approx(np.mean([part.f1 for part in parts]))
    assert found.balanced_accuracy == pytest.approx(np.mean([part.recall for part in parts]))
    assert None not in [found.accuracy, found.nll, found.ece]


def test_several_labels_a_image() -> None:
    given_answers = several()
    said = given_answers.probabilities >= 0.5
    found = score(given_answers)
    assert found.accuracy == found.exact_match
    assert found.accuracy == pytest.approx(metrics.accuracy_score(given_answers.targets, said))
    assert found.hamming == pytest.approx(1 - metrics.hamming_loss(given_answers.targets, said))
    f1 = metrics.f1_score(given_answers.targets, said, average="macro")
    assert found.macro_f1 == pytest.approx(f1)
    assert (
        found.confusion[1]
        == metrics.confusion_matrix(given_answers.targets[:, 1], said[:, 1]).tolist()
    )
    assert found.top_k == {}
    assert found.matthews is None


def test_the_positive_class_is_answered_from_its_point_on() -> None:
    two = answers(k=2)
    eager = Predictions(two.probabilities, two.targets, two.labels, positive=1, operating_point=0.1)
    assert (eager.predicted == (two.probabilities[:, 1] >= 0.1)).all()
    assert score(eager).classes["class 1"].recall > score(two).classes["class 1"].recall


def test_all_right_is_not_sold_as_certain() -> None:
    sure = Predictions(np.eye(3)[np.arange(30) % 3], np.arange(30) % 3, ("a", "b", "c"))
    found = score(sure)
    assert found.accuracy == 1
    assert found.accuracy_interval == pytest.approx((0.8842967, 1.0))
    assert found.classes["a"].recall_interval == pytest.approx((0.6915029, 1.0))


@pytest.mark.parametrize("wrong", [1, 3, 4])
def test_no_interval_reaches_1_where_errors_were_seen(wrong: int) -> None:
    targets = np.arange(252) % 6
    said = np.where(np.arange(252) < wrong, (targets + 1) % 6, targets)
    found = score(Predictions(np.eye(6)[said], targets, tuple("abcdef")))
    held = {"accuracy", "balanced_accuracy", "macro_f1", "matthews"}
    assert set(found.exact) == {*held, "top_3", "top_5"}
    for name in held:
        low, high = found.intervals[name]
        assert low < getattr(found, name) < high < 1
    for part in found.classes.values():
        for name in ("precision", "recall", "f1"):
            low, high = getattr(part, f"{name}_interval")
            assert low <= getattr(part, name) <= high
            assert high < 1 or getattr(part, name) == 1
    accuracy = found.intervals["accuracy"]
    assert found.intervals["balanced_accuracy"] == pytest.approx(accuracy, abs=0.002)
    assert found.intervals["macro_f1"] == pytest.approx(accuracy, abs=0.002)


def test_a_rare_class_weighs_in_the_interval_of_the_balanced_accuracy() -> None:
    targets = np.repeat([0, 1], [500, 5])
    said = targets.copy()
    said[-2:] = 0
    found = score(Predictions(np.eye(2)[said], targets, ("many", "few")))
    low, high = found.intervals["balanced_accuracy"]
    assert low < 0.6
    assert 0.95 < high < 1


def test_few_right_answers_are_not_sold_as_none() -> None:
    targets = np.arange(200) % 4
    said = np.where(np.arange(200) < 2, targets, (targets + 1) % 4)
    found = score(Predictions(np.eye(4)[said], targets, tuple("abcd")))
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        low, high = found.intervals[name]
        assert 0 < low < getattr(found, name) < high < 0.05


def test_matthews_interval_is_that_of_scikit_learn_over_resamples() -> None:
    given_answers = answers()
    found = score(given_answers)
    chance = np.random.default_rng(7)
    drawn = [chance.integers(400, size=400) for _ in range(500)]
    truth, said = given_answers.targets, given_answers.predicted
    values = [metrics.matthews_corrcoef(truth[rows], said[rows]) for rows in drawn]
    wanted = np.quantile(values, (0.025, 0.975))
    assert found.intervals["matthews"] == pytest.approx(wanted, abs=0.02)
    assert "matthews" not in found.exact


def test_every_score_has_an_interval() -> None:
    shared = {"accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece"}
    assert set(score(answers()).intervals) == {*shared, "matthews", "top_3", "top_5"}
    found = score(several())
    assert set(found.intervals) == {*shared, "hamming"}
    low, high = found.intervals["hamming"]
    assert low < found.hamming < high


def test_not_a_number_is_named() -> None:
    values = np.array([[0.5, 0.5], [np.nan, 1.0], [np.inf, 0.0]])
    with pytest.raises(Error) as caught:
        require_finite(values, ["a.png", "b.png", "c.png"])
    assert str(caught.value) == (
        "the model gives probabilities that are not finite for 2 of 3 images, first b.png; "
        "nothing was scored: train it again with a smaller learning rate"
    )


def test_groups_are_numbered_and_the_ungrouped_stand_alone() -> None:
    assert group_numbers([None, None]) is None
    assert group_numbers(["x", None, "x", "y", None]).tolist() == [0, 1, 0, 2, 3]
