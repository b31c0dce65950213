"""Opening models and their predictions for an evaluation set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import UsageError
from foveal.evaluation import inference
from foveal.evaluation.collect import collect_evaluation_set
from foveal.evaluation.inference import (
    open_models,
    run_model,
    timed_logits,
    to_predictions,
    uncalibrated_predictions,
)
from foveal.model.manifest import Manifest, Thresholds
from foveal.model.model import load_model
from foveal.prediction import torch_backend
from foveal.prediction.predictor import Predictor
from foveal.prediction.torch_backend import TorchBackend
from foveal.progress import silent
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network


def test_models_are_named_by_path_or_number(digits_run: Path) -> None:
    path = digits_run / "model.safetensors"
    by_path, by_value, by_predictor = open_models([path, load_model(path), Predictor(path)])
    assert [by_path.name, by_value.name, by_predictor.name] == [str(path), "model 2", "model 3"]
    assert (by_path.path, by_value.path) == (path, None)
    for model in (by_path, by_value, by_predictor):
        assert len(model.train_hashes) == 300
    with pytest.raises(UsageError) as caught:
        open_models([path, path])
    assert str(caught.value) == f"the model {path} was given twice; give each model once"


def test_predictions_are_those_of_the_predictor(digits_run: Path, new_digits: Path) -> None:
    (model,) = open_models([digits_run / "model.safetensors"])
    evaluation_set = collect_evaluation_set(
        open_dataset(new_digits), model.manifest, model.train_hashes, None, silent
    )
    output = run_model(model, evaluation_set, silent)
    pixels = evaluation_set.pixel_cache.pixels[evaluation_set.cache_rows]
    expected = model.predictor.probabilities(pixels)
    assert output.predictions.probabilities == pytest.approx(expected, abs=1e-5)
    assert output.predictions.groups is None
    assert output.ms_per_image > 0


def test_progress_ends_at_the_number_of_images(digits_run: Path) -> None:
    reports: list[tuple[str, float, float | None]] = []
    predictor = Predictor(digits_run / "model.safetensors")
    pixels = np.zeros((5, 8, 8, 1), np.uint8)
    logits, _ = timed_logits(
        predictor, pixels, np.array([0, 4]), lambda *report: reports.append(report)
    )
    assert logits.shape == (2, 10)
    assert reports == [("scoring", 2, 2)]


def test_a_network_is_made_ready_once_for_all_chunks(digits_run: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch_backend, "MIN_FAST_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(inference, "CHUNK_IMAGES", 20)
    made = []

    def make_fast(backend: TorchBackend):
        made.append(1)
        return backend.logits

    monkeypatch.setattr(TorchBackend, "_fast_logits", make_fast)
    predictor = Predictor(digits_run / "model.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
    logits, _ = timed_logits(predictor, pixels, np.arange(60), silent)
    np.testing.assert_allclose(logits, predictor.require_features().logits(pixels), atol=1e-5)
    assert made == [1]


def test_the_thresholds_of_the_manifest_apply() -> None:
    network = Network(layers=(Flatten(), Output("sigmoid")))
    manifest = Manifest(
        network=network,
        labels=("good", "bad"),
        temperature=2.0,
        thresholds=Thresholds(positive_class="bad", operating_point=0.2),
    )
    logits = np.array([[-1.0], [-4.0]], np.float32)
    predictions = to_predictions(logits, manifest, np.array([1, 0]), ["a", "b"])
    assert predictions.positive_index == 1
    assert predictions.predicted.tolist() == [1, 0]
    assert predictions.probabilities[:, 1] == pytest.approx(1 / (1 + np.exp([0.5, 2.0])))
    uncalibrated = uncalibrated_predictions(logits, manifest, predictions)
    assert uncalibrated.probabilities[:, 1] == pytest.approx(1 / (1 + np.exp([1.0, 4.0])))


@pytest.mark.parametrize("temperature", [0.4, 3.0, 1e5])
def test_without_calibration_the_same_classes_are_predicted(temperature: float) -> None:
    labels = ("good", "bad")
    logits = np.random.default_rng(0).normal(size=(500, 1)).astype(np.float32)
    targets = np.zeros(500, np.int64)
    for point in (0.0, 0.2, 0.5, 1.0):
        manifest = Manifest(
            network=Network(layers=(Flatten(), Output("sigmoid"))),
            labels=labels,
            temperature=temperature,
            thresholds=Thresholds(positive_class="bad", operating_point=point),
        )
        predictions = to_predictions(logits, manifest, targets, ["x"] * 500)
        uncalibrated = uncalibrated_predictions(logits, manifest, predictions)
        if temperature < 100:  # else all probabilities are 0.5 but for rounding
            assert np.array_equal(uncalibrated.predicted, predictions.predicted)
        assert 0 <= uncalibrated.operating_point <= 1
