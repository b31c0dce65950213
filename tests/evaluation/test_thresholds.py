"""Thresholds chosen on val, for abstention and for the recall of a class."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.errors import Error, UsageError
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.thresholds import (
    choose_abstention_threshold,
    choose_class_thresholds,
    choose_recipe_thresholds,
)
from foveal.model.manifest import Manifest, Thresholds
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network


def test_the_accuracy_chosen_on_val_holds_on_new_images(calibrated) -> None:
    held = 0
    for seed in range(40):
        threshold = choose_abstention_threshold(calibrated(1500, seed), 0.9)
        fresh = calibrated(20_000, 1000 + seed)
        held += fresh.correct[fresh.max_probability >= threshold].mean() >= 0.9
    assert held >= 38


def test_an_accuracy_too_few_images_can_show_is_refused(calibrated) -> None:
    with pytest.raises(Error) as caught:
        choose_abstention_threshold(calibrated(40, 0), 0.99)
    assert str(caught.value) == (
        "no threshold guarantees an accuracy of 0.99 on these 40 images: the best lower bound is "
        "0.7712, with 40 of them predicted; ask for a lower accuracy, or give more images (at "
        "least 597 correct predictions are needed)"
    )
    with pytest.raises(UsageError) as caught:
        choose_abstention_threshold(calibrated(40, 0), 1.0)
    assert str(caught.value) == (
        "abstain_at_accuracy is 1; give a share above 0 and below 1, like 0.99"
    )


def test_the_operating_point_has_the_recall_and_no_more() -> None:
    rng = np.random.default_rng(0)
    true = (np.arange(400) % 4 == 0).astype(np.int64)
    logits = rng.normal(size=400) + 2 * true - 1
    probability = np.float32(1 / (1 + np.exp(-logits))).astype(float)
    columns = np.column_stack([1 - probability, probability])
    predictions = Predictions(columns, true, ("good", "bad"))
    thresholds = choose_class_thresholds(predictions, "bad", 0.9)
    assert thresholds.positive_class == "bad"
    point = np.float32(thresholds.operating_point)
    assert (probability >= point)[true == 1].mean() == pytest.approx(0.9)
    above = probability > np.nextafter(point, np.float32(1))
    assert above[true == 1].mean() < 0.9


def test_several_labels_get_a_threshold_each() -> None:
    rng = np.random.default_rng(0)
    true = rng.random((300, 2)) < 0.5
    probability = 1 / (1 + np.exp(-(2 * true - 1 + rng.normal(size=(300, 2)))))
    predictions = Predictions(probability, true, ("red", "round"), task="multi")
    thresholds = choose_class_thresholds(predictions, None, 0.8)
    assert set(thresholds.per_label) == {"red", "round"}
    for index, label in enumerate(predictions.labels):
        predicted = probability[:, index] >= thresholds.per_label[label]
        assert predicted[true[:, index]].mean() == pytest.approx(0.8, abs=0.01)


def test_without_a_class_and_a_recall_there_is_no_threshold(calibrated) -> None:
    assert choose_class_thresholds(calibrated(50, 0), None, None) == Thresholds()


@pytest.mark.parametrize(
    ("positive_class", "min_recall", "message"),
    [
        (
            "a",
            0.9,
            "an operating point needs two classes or several labels an image, here are 3 classes; "
            "leave positive_class and min_recall out",
        ),
        ("z", 0.9, "positive_class is 'z', which is not a class; the classes are a, b, c"),
        ("a", 1.5, "min_recall is 1.5; give a share above 0 and at most 1"),
    ],
)
def test_a_wrong_request_is_refused(
    calibrated, positive_class: str, min_recall: float, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        choose_class_thresholds(calibrated(50, 0), positive_class, min_recall)
    assert str(caught.value) == message


def manifest_of(**recipe: object) -> Manifest:
    network = Network(layers=(Flatten(), Output("sigmoid")))
    return Manifest(network=network, labels=("good", "bad"), recipe=recipe)


def val_images(n: int = 1000) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    targets = (rng.random(n) < 0.3).astype(np.int64)
    logits = (4 * targets - 2 + 1.5 * rng.normal(size=n)).astype(np.float32)[:, None]
    return logits, targets, [f"{row}.png" for row in range(n)]


def test_a_recipe_without_thresholds_changes_nothing() -> None:
    manifest = manifest_of(abstain_at_accuracy=None)
    assert choose_recipe_thresholds(manifest, *val_images()) == (manifest, ())


def test_operating_point_and_abstention_are_stored_together() -> None:
    logits, targets, paths = val_images()
    manifest = manifest_of(abstain_at_accuracy=0.95, positive_class="bad", min_recall=0.97)
    manifest, warnings = choose_recipe_thresholds(manifest, logits, targets, paths)
    assert warnings == ()
    thresholds = manifest.thresholds
    assert thresholds.positive_class == "bad"
    bad = 1 / (1 + np.exp(-logits[:, 0].astype(float)))
    predicted = bad >= thresholds.operating_point
    assert predicted[targets == 1].mean() >= 0.97
    confident = np.maximum(bad, 1 - bad) >= thresholds.abstain
    assert (predicted == targets)[confident].mean() >= 0.95


def test_a_threshold_that_cannot_be_chosen_is_a_warning() -> None:
    logits, targets, paths = val_images(30)
    manifest = manifest_of(abstain_at_accuracy=0.999)
    manifest, warnings = choose_recipe_thresholds(manifest, logits, targets, paths)
    assert manifest.thresholds.abstain is None
    (warning,) = warnings
    assert warning.startswith(
        "the recipe's thresholds were not all chosen: no threshold guarantees an accuracy of 0.999"
    )
