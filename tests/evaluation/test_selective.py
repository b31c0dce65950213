from __future__ import annotations

import numpy as np
import pytest

from foveal.errors import Error, UsageError
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.selective import (
    choose_threshold,
    choose_thresholds,
    coverage_curve,
    out_of_distribution,
    seen_abstaining,
    seen_operating,
)


def calibrated(n: int, seed: int, classes: int = 3) -> Predictions:
    chance = np.random.default_rng(seed)
    sure = 0.34 + 0.66 * chance.random(n) ** 0.2
    right = chance.random(n) < sure
    probabilities = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    probabilities[:, 0] = sure
    return Predictions(probabilities, np.where(right, 0, 1), tuple("abc"[:classes]))


def test_each_point_is_a_plain_count() -> None:
    answers = calibrated(237, 0)
    curve = coverage_curve(answers)
    assert curve[0].coverage == 1
    assert curve[0].accuracy == pytest.approx(answers.correct.mean())
    for point in curve:
        kept = answers.max_probability >= point.threshold
        assert point.n == kept.sum()
        assert point.accuracy == pytest.approx(answers.correct[kept].mean())
        assert point.bound <= point.accuracy
    assert [point.coverage for point in curve] == sorted(
        (point.coverage for point in curve), reverse=True
    )


def test_ties_are_answered_together() -> None:
    same = Predictions(np.full((10, 2), 0.5), np.zeros(10, np.int64), ("a", "b"))
    assert [point.n for point in coverage_curve(same)] == [10]


def test_what_is_promised_on_val_is_kept_on_new_images() -> None:
    kept = 0
    for seed in range(40):
        threshold = choose_threshold(calibrated(1500, seed), 0.9)
        fresh = calibrated(20_000, 1000 + seed)
        answered = fresh.max_probability >= threshold
        kept += fresh.correct[answered].mean() >= 0.9
    assert kept >= 38


def test_a_promise_nobody_can_make_is_refused() -> None:
    with pytest.raises(Error) as caught:
        choose_threshold(calibrated(40, 0), 0.99)
    assert str(caught.value).startswith(
        "no threshold promises an accuracy of 0.99 on these 40 images: the best lower bound is "
    )
    assert str(caught.value).endswith(
        "ask for less, or give more images (at least 597 right answers are needed to promise it)"
    )
    with pytest.raises(UsageError) as wrong:
        choose_threshold(calibrated(40, 0), 1.0)
    assert str(wrong.value) == (
        "abstain at accuracy is 1; give a share above 0 and below 1, like 0.99"
    )


def test_the_operating_point_finds_as_many_as_asked_and_no_more() -> None:
    chance = np.random.default_rng(0)
    truth = (np.arange(400) % 4 == 0).astype(np.int64)
    score = np.float32(1 / (1 + np.exp(-(chance.normal(size=400) + 2 * truth - 1)))).astype(float)
    answers = Predictions(np.column_stack([1 - score, score]), truth, ("good", "bad"))
    limits = choose_thresholds(answers, positive_class="bad", min_recall=0.9)
    assert limits.positive_class == "bad"
    found = score >= limits.operating_point
    assert found[truth == 1].mean() == pytest.approx(0.9)
    above = score > np.nextafter(np.float32(limits.operating_point), np.float32(1))
    assert above[truth == 1].mean() < 0.9
    seen = seen_operating(answers, limits)[0]
    assert seen.recall == pytest.approx(0.9)
    assert seen.precision == pytest.approx(truth[found].mean())


def test_several_labels_get_a_point_each() -> None:
    chance = np.random.default_rng(0)
    truth = chance.random((300, 2)) < 0.5
    score = 1 / (1 + np.exp(-(2 * truth - 1 + chance.normal(size=(300, 2)))))
    answers = Predictions(score, truth, ("red", "round"), task="multi")
    limits = choose_thresholds(answers, min_recall=0.8)
    assert set(limits.per_label) == {"red", "round"}
    for place, label in enumerate(answers.labels):
        said = score[:, place] >= limits.per_label[label]
        assert said[truth[:, place]].mean() == pytest.approx(0.8, abs=0.01)


def test_operating_points_need_two_classes() -> None:
    with pytest.raises(UsageError) as caught:
        choose_thresholds(calibrated(50, 0), positive_class="a", min_recall=0.9)
    assert str(caught.value) == (
        "an operating point needs two classes or several labels an image, here are 3 classes; "
        "leave positive_class and min_recall out"
    )
    with pytest.raises(UsageError) as caught:
        choose_thresholds(calibrated(50, 0), positive_class="z", min_recall=0.9)
    assert str(caught.value) == (
        "positive_class is 'z', which is not a class; the classes are a, b, c"
    )


def test_what_the_stored_threshold_does() -> None:
    answers = calibrated(500, 0)
    assert seen_abstaining(answers, None) is None
    part = seen_abstaining(answers, 0.9)
    kept = answers.max_probability >= 0.9
    assert (part.n, part.accuracy) == (kept.sum(), pytest.approx(answers.correct[kept].mean()))
    nothing = seen_abstaining(answers, 1.0)
    assert (nothing.n, nothing.accuracy) == (0, None)


def test_strangers_are_counted() -> None:
    answers = calibrated(500, 0)
    unsure = np.full((40, 3), 1 / 3)
    found = out_of_distribution("there", unsure, answers, 0.5, 2)
    assert (found.turned_away, found.n, found.unusable) == (1.0, 40, 2)
    assert found.roc_auc == 1.0
    assert out_of_distribution("there", unsure, answers, None, 0).turned_away is None
