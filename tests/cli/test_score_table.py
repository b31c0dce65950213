"""Scores and comparisons as text."""

from __future__ import annotations

import numpy as np

from foveal.cli.score_table import format_result, format_scores
from foveal.evaluation.comparison import model_differences
from foveal.evaluation.error_analysis import analyse_errors
from foveal.evaluation.evaluate import limitation_notes
from foveal.evaluation.metrics import compute_scores
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.schema import (
    AbstentionScore,
    Comparison,
    CorruptionScore,
    OperatingPoint,
    OutOfDistributionScore,
    Robustness,
    Scores,
    Slice,
)
from foveal.model.manifest import Manifest
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network


def scores_of(n: int = 4, k: int = 2) -> Scores:
    """The scores of n images, of which the first is wrong."""
    targets = np.arange(n) % k
    predicted = np.where(np.arange(n) == 0, (targets + 1) % k, targets)
    probabilities = np.full((n, k), 0.2 / max(1, k - 1))
    probabilities[np.arange(n), predicted] = 0.8
    labels = tuple(f"class {index}" for index in range(k))
    return compute_scores(Predictions(probabilities, targets, labels), split="test")


def test_one_image_is_in_the_singular() -> None:
    predictions = Predictions(np.array([[0.2, 0.8]]), np.array([0]), ("a", "b"))
    network = Network(layers=(Flatten(), Output()))
    manifest = Manifest(network=network, labels=predictions.labels)
    scores = compute_scores(predictions, split="test").model_copy(
        update={
            "error_analysis": analyse_errors(predictions, ["x.png"]),
            "notes": limitation_notes(predictions, manifest),
        }
    )
    text = format_scores(scores)
    assert text.startswith("1 image of test\n")
    assert "\n  a predicted as b: 1 image, 100.0 % of class a" in text
    assert "note: only 1 image scored: the intervals are wide" in text
    assert scores.matthews_corrcoef is None
    assert (
        "\n  Matthews corrcoef  undefined (all images or all predictions are of one class)\n"
        in text
    )
    assert "\n-: undefined (no image of the class or of another, or none predicted as it)\n" in text
    assert "matthews_corrcoef" not in scores.intervals


def test_what_was_not_scored_is_in_the_first_line() -> None:
    unusable = ({"path": "x.png", "reason": "empty"},)
    scores = scores_of().model_copy(
        update={"split": "unseen", "left_out": 1200, "unusable": unusable}
    )
    assert format_scores(scores).splitlines()[0] == (
        "4 images not used in training, 1,200 left out (the model was fitted on them), 1 unusable"
    )


def test_stored_thresholds_and_other_images_have_a_line_each() -> None:
    scores = scores_of().model_copy(
        update={
            "abstention": AbstentionScore(
                threshold=0.9, coverage=0.75, n=3, accuracy=1.0, accuracy_interval=(0.3, 1.0)
            ),
            "operating_points": (
                OperatingPoint(
                    label="bad", threshold=0.2, precision=None, recall=0.5, recall_interval=None
                ),
            ),
            "out_of_distribution": OutOfDistributionScore(
                folder="others",
                n=10,
                unusable=0,
                threshold=0.9,
                rejection_rate=0.8,
                rejection_rate_interval=(0.4, 0.97),
                mean_max_probability=0.5,
                roc_auc=0.9,
            ),
        }
    )
    lines = format_scores(scores).splitlines()
    assert "Abstains below 0.9000: coverage 75.0 %, accuracy 1.0000  (0.3000 to 1.0000)" in lines
    assert "Predicts bad from 0.2000 on: recall 0.5000, precision -" in lines
    assert "Out of distribution: 80.0 % of 10 images rejected  (0.4000 to 0.9700)" in lines


def test_weak_slices_and_corruptions_are_listed() -> None:
    weak = Slice(
        attribute="camera",
        value="B",
        n=20,
        accuracy=0.4,
        accuracy_interval=(0.2, 0.6),
        difference=-0.35,
    )
    blur = CorruptionScore(
        corruption="blur",
        severity="σ 1 px",
        accuracy=0.5,
        accuracy_interval=(0.3, 0.7),
        consistency=0.6,
    )
    robustness = Robustness(n=16, accuracy=0.75, corruptions=(blur,), pooling_shifts=())
    scores = scores_of().model_copy(update={"slices": (weak,), "robustness": robustness})
    text = format_scores(scores)
    assert (
        "Slices with significantly lower accuracy\n"
        "  camera B: 0.4000  (0.2000 to 0.6000), 20 images" in text
    )
    assert (
        "Corrupted images (n=16): accuracy, share of same predictions\n"
        "  blur σ 1 px          0.5000  0.6000" in text
    )


def test_a_long_class_table_is_cut() -> None:
    text = format_scores(scores_of(n=80, k=40))
    shown = [number for number in range(40) if f"\nclass {number} " in text]
    assert shown == [*range(20), *range(30, 40)]
    assert "\n... 10 more classes (--json and --report have all)\n" in text


def test_a_comparison_names_models_as_one_line_of_text() -> None:
    scores = scores_of(n=120)
    targets = np.arange(120) % 2
    best = Predictions(np.eye(2)[targets], targets, ("a", "b"))
    worst = Predictions(np.eye(2)[1 - targets], targets, ("a", "b"))
    models = tuple(scores.model_copy(update={"model": name}) for name in ("x\x1b", "y"))
    differences = model_differences({"x\x1b": best, "y": worst})
    text = format_result(Comparison(models=models, differences=differences))
    assert "\x1b" not in text
    assert "Differences on the same 120 images, paired 95 % intervals" in text
    assert text.endswith("x\\x1b − y: accuracy +1.0000  (+1.0000 to +1.0000)  significant")
