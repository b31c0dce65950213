from __future__ import annotations

import numpy as np
import pytest

from foveal.errors import Error
from foveal.evaluation.predictions import Predictions, encode_groups, require_finite


def test_the_positive_class_is_predicted_from_the_operating_point_on(single_label) -> None:
    predictions = single_label(k=2)
    shifted = single_label(k=2, positive_index=1, operating_point=0.1)
    assert (shifted.predicted == (predictions.probabilities[:, 1] >= 0.1)).all()
    assert shifted.predicted.sum() > predictions.predicted.sum()
    assert np.array_equal(
        shifted.confidence, shifted.probabilities[np.arange(400), shifted.predicted]
    )


def test_multi_label_is_correct_where_every_label_is() -> None:
    probabilities = np.array([[0.9, 0.3], [0.9, 0.3], [0.2, 0.7]])
    targets = np.array([[True, False], [True, True], [False, True]])
    predictions = Predictions(probabilities, targets, ("a", "b"), task="multi")
    assert predictions.correct.tolist() == [True, False, True]
    assert predictions.confidence == pytest.approx([0.7, 0.7, 0.7])
    assert predictions.true_probability == pytest.approx([0.7, 0.3, 0.7])
    assert predictions.is_class(1).tolist() == [False, True, True]
    strict = Predictions(
        probabilities, targets, ("a", "b"), "multi", label_thresholds=np.array([0.95, 0.5])
    )
    assert strict.predicted_labels.tolist() == [[False, False], [False, False], [False, True]]


def test_output_that_is_not_finite_is_named() -> None:
    values = np.array([[0.5, 0.5], [np.nan, 1.0], [np.inf, 0.0]])
    with pytest.raises(Error) as caught:
        require_finite(values, ["a.png", "b.png", "c.png"])
    assert str(caught.value) == (
        "the model's output is NaN or infinite for 2 of 3 images, first b.png; nothing was "
        "scored: train the model again with a smaller learning rate"
    )


def test_groups_are_numbered_and_the_ungrouped_stand_alone() -> None:
    assert encode_groups([None, None]) is None
    assert encode_groups(["x", None, "x", "y", None]).tolist() == [0, 1, 0, 2, 3]


def test_units_are_groups_where_there_are_any(single_label) -> None:
    assert single_label(n=12).n_units == 12
    assert single_label(n=12, groups=np.arange(12) // 3).n_units == 4
