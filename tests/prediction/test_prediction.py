"""From probabilities to answers, against scipy and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from foveal.model.manifest import Manifest, Thresholds
from foveal.prediction.prediction import (
    NOT_FINITE,
    Prediction,
    make_prediction,
    no_prediction,
    probabilities_from_logits,
)
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network


def manifest(labels, function="softmax", **more) -> Manifest:
    return Manifest(network=Network(layers=(Flatten(), Output(function))), labels=labels, **more)


def test_softmax_with_temperature() -> None:
    logits = np.random.default_rng(0).normal(0, 30, (50, 4)).astype(np.float32)
    actual = probabilities_from_logits(logits, manifest(("a", "b", "c", "d"), temperature=1.7))
    np.testing.assert_allclose(actual, softmax(logits.astype(float) / 1.7, axis=1), atol=1e-7)
    assert actual.dtype == np.float32


def test_one_unit_for_two_classes() -> None:
    logits = np.array([[-1000.0], [-2.0], [0.0], [3.0], [1000.0]], np.float32)
    settings = manifest(("no", "yes"), "sigmoid", temperature=2.0)
    actual = probabilities_from_logits(logits, settings)
    np.testing.assert_allclose(actual[:, 1], expit(logits[:, 0].astype(float) / 2), atol=1e-7)
    np.testing.assert_allclose(actual.sum(1), 1, atol=1e-6)


def test_several_labels_are_independent() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (50, 2)).astype(np.float32)
    actual = probabilities_from_logits(logits, manifest(("a", "b"), "sigmoid", task="multi"))
    np.testing.assert_allclose(actual, expit(logits.astype(float)), atol=1e-7)
    softened = probabilities_from_logits(logits, manifest(("a", "b"), "softmax", task="multi"))
    np.testing.assert_array_equal(actual, softened)


def test_top_is_ordered_and_ties_keep_the_classes_order() -> None:
    settings = manifest(("a", "b", "c", "d"))
    row = np.array([0.25, 0.4, 0.25, 0.1], np.float32)
    prediction = make_prediction(row, settings, "x.png", 3)
    assert [item.label for item in prediction.top] == ["b", "a", "c"]
    assert (prediction.label, prediction.probability) == ("b", 0.4)
    assert (prediction.abstained, prediction.labels) == (False, None)
    assert len(make_prediction(row, settings, None, None).top) == 4
    assert len(make_prediction(row, settings, None, 99).top) == 4


def test_a_row_that_is_not_finite_is_an_error() -> None:
    settings = manifest(("a", "b"))
    for value in (np.nan, np.inf, -np.inf):
        row = np.array([0.5, value], np.float32)
        expected = Prediction("x.png", error="the model's output is NaN or infinite")
        assert make_prediction(row, settings, "x.png", 2) == expected


def test_infinite_logits_are_an_error_and_no_warning() -> None:
    settings = manifest(("a", "b", "c"))
    logits = np.array([[np.inf, 0.0, 1.0], [2.0, 0.0, 1.0]], np.float32)
    infinite, finite = probabilities_from_logits(logits, settings)
    prediction = make_prediction(infinite, settings, "x.png", None)
    assert prediction.error == "the model's output is NaN or infinite"
    assert make_prediction(finite, settings, "x.png", None).label == "a"


def test_without_a_prediction_the_image_or_the_model_is_to_blame() -> None:
    assert str(no_prediction("it is no image", "given image")) == (
        "the given image cannot be read (it is no image); give another"
    )
    assert str(no_prediction(NOT_FINITE)) == (
        "the model's output is NaN or infinite; train the model again with a smaller learning rate"
    )


def test_abstaining_keeps_the_best_class() -> None:
    settings = manifest(("a", "b", "c"), thresholds=Thresholds(abstain=0.6))
    abstained = make_prediction(np.array([0.5, 0.3, 0.2], np.float32), settings, None, 1)
    assert (abstained.label, abstained.abstained) == ("a", True)
    confident = make_prediction(np.array([0.2, 0.7, 0.1], np.float32), settings, None, 1)
    assert (confident.label, confident.abstained) == ("b", False)


def test_the_operating_point_of_two_classes() -> None:
    thresholds = Thresholds(positive_class="defect", operating_point=0.2)
    settings = manifest(("good", "defect"), "sigmoid", thresholds=thresholds)
    prediction = make_prediction(np.array([0.75, 0.25], np.float32), settings, None, 2)
    assert (prediction.label, prediction.probability) == ("defect", 0.25)
    assert prediction.top[0].label == "good"
    assert make_prediction(np.array([0.81, 0.19], np.float32), settings, None, 2).label == "good"


def test_several_labels_above_their_thresholds() -> None:
    thresholds = Thresholds(per_label={"a": 0.9, "c": 0.1})
    settings = manifest(("a", "b", "c"), "sigmoid", task="multi", thresholds=thresholds)
    prediction = make_prediction(np.array([0.8, 0.5, 0.2], np.float32), settings, "p", 1)
    assert prediction.labels == ("b", "c")
    assert prediction.to_data()["labels"] == ["b", "c"]
    assert prediction.label == "a"
    assert make_prediction(np.array([0.1, 0.1, 0.0], np.float32), settings, "p", 1).labels == ()


def test_the_json_line() -> None:
    row = np.array([0.1, 0.9], np.float32)
    prediction = make_prediction(row, manifest(("a", "ß")), "bild 1.png", 5)
    assert json.loads(json.dumps(prediction.to_data())) == {
        "path": "bild 1.png",
        "label": "ß",
        "probability": 0.9,
        "top": [{"label": "ß", "probability": 0.9}, {"label": "a", "probability": 0.1}],
        "abstained": False,
        "error": None,
    }


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-30, 1.0])
def test_figures_are_the_float32s(value: float) -> None:
    row = np.array([value, 0], np.float32)
    prediction = make_prediction(row, manifest(("a", "b"), "sigmoid", task="multi"), None, 1)
    assert np.float32(prediction.probability) == row[0]
