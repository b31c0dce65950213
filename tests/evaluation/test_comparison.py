"""Differences of two models with paired intervals."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.evaluation.comparison import model_differences
from foveal.evaluation.image_scores import log_losses
from foveal.evaluation.predictions import Predictions


def test_paired_intervals_are_narrower_than_unpaired_ones(mislabelled) -> None:
    first, _ = mislabelled(600, 60)
    rng = np.random.default_rng(5)
    probabilities = first.probabilities.copy()
    changed = rng.choice(600, 30, replace=False)
    probabilities[changed] = probabilities[changed][:, [1, 2, 0]]
    second = Predictions(probabilities, first.targets, first.labels)
    (difference,) = model_differences({"one": first, "two": second})
    assert (difference.model, difference.other, difference.n) == ("one", "two", 600)
    assert difference.accuracy == pytest.approx(first.correct.mean() - second.correct.mean())
    assert difference.nll == pytest.approx((log_losses(first) - log_losses(second)).mean())
    low, high = difference.accuracy_interval
    assert 0 < low < high < low + 0.05


def test_equal_models_do_not_differ(mislabelled) -> None:
    predictions, _ = mislabelled()
    (difference,) = model_differences({"one": predictions, "again": predictions})
    assert difference.accuracy_interval == difference.nll_interval == (0.0, 0.0)


def test_every_pair_is_compared_once(single_label) -> None:
    predictions = {name: single_label(n=40) for name in "abc"}
    pairs = [(one.model, one.other) for one in model_differences(predictions)]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]


def test_different_images_are_refused(single_label) -> None:
    with pytest.raises(UsageError) as caught:
        model_differences({"a": single_label(n=40), "b": single_label(n=41)})
    assert str(caught.value) == (
        "a was scored on 40 images and b on 41; models are compared on the same images only"
    )
