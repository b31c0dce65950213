"""The parts of an evaluation are put together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.open import open_dataset
from foveal.evaluation.collect import collect_evaluation_set
from foveal.evaluation.evaluate import evaluate_model, limitation_notes, scores_with_thresholds
from foveal.evaluation.inference import ModelOutput, open_models, run_model
from foveal.evaluation.predictions import Predictions
from foveal.model.manifest import Manifest, Thresholds
from foveal.progress import silent
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network

LINEAR = Network(layers=(Flatten(), Output()))


def test_everything_about_a_model_is_in_the_scores(digits_run: Path, new_digits: Path) -> None:
    (model,) = open_models([digits_run / "model.safetensors"])
    evaluation_set = collect_evaluation_set(
        open_dataset(new_digits), model.manifest, model.train_hashes, None, silent
    )
    output = run_model(model, evaluation_set, silent)
    scores = evaluate_model(model, evaluation_set, output, silent, robustness=True)
    assert scores.model == model.name
    assert scores.calibration.temperature == model.manifest.temperature == 1.3
    assert scores.calibration.uncalibrated_ece is not None
    assert scores.coverage_curve[0].accuracy == pytest.approx(scores.accuracy)
    assert {part.attribute for part in scores.slices} == {"brightness"}
    assert scores.error_analysis.worst_errors[0].path in evaluation_set.paths
    assert scores.robustness.n == 128
    assert {part.layer for part in scores.robustness.pooling_shifts} == {"max_pool_1"}
    assert scores.notes == ()
    plain = evaluate_model(model, evaluation_set, output, silent)
    assert plain.robustness is None
    assert plain.accuracy == scores.accuracy


def test_stored_thresholds_are_scored() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    predictions = Predictions(
        np.array([[0.9, 0.1], [0.3, 0.7], [0.95, 0.05]]), np.array([0, 1, 1]), ("a", "b")
    )
    thresholds = Thresholds(abstain=0.8, positive_class="b", operating_point=0.5)
    manifest = Manifest(network=LINEAR, labels=("a", "b"), thresholds=thresholds)
    scores = scores_with_thresholds(ModelOutput(logits, predictions, 0.0), manifest, "val")
    assert scores.split == "val"
    assert (scores.abstention.n, scores.abstention.accuracy) == (2, 0.5)
    assert [(point.label, point.recall) for point in scores.operating_points] == [("b", 0.5)]


def test_few_images_and_unfinished_training_are_noted(single_label) -> None:
    manifest = Manifest(network=LINEAR, labels=("a", "b"), finished=False)
    assert limitation_notes(single_label(n=1), manifest) == (
        "the training of this model was not finished",
        "only 1 image scored: the intervals are wide, and small differences are not significant",
    )
    finished = Manifest(network=LINEAR, labels=("a", "b"))
    assert limitation_notes(single_label(n=100), finished) == ()


def test_probabilities_of_others_are_those_of_the_scored_images_to_the_bit(
    digits_run: Path, new_digits: Path
) -> None:
    (model,) = open_models([digits_run / "model.safetensors"])
    evaluation_set = collect_evaluation_set(
        open_dataset(new_digits), model.manifest, model.train_hashes, None, silent
    )
    output = run_model(model, evaluation_set, silent)
    scores = evaluate_model(model, evaluation_set, output, silent, others=new_digits)
    assert scores.out_of_distribution.n == len(evaluation_set)
    assert scores.out_of_distribution.roc_auc == 0.5
