"""Accuracy under corruption, and the change of maps around poolings against plain numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import Error
from foveal.evaluation.report_images import ReportImages
from foveal.evaluation.robustness import pooling_shifts, score_robustness
from foveal.model.manifest import Manifest
from foveal.model.model import Model, load_model
from foveal.network.shift import shift_images
from foveal.prediction.predictor import Predictor
from foveal.progress import silent
from foveal.spec.network import Network


def random_images(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), dtype=np.uint8)


def test_the_change_around_a_pooling_is_that_of_plain_numpy(digits_run: Path) -> None:
    import torch

    model = load_model(digits_run / "model.safetensors")
    pixels = random_images(8)
    shifts = pooling_shifts(model, pixels)
    assert [(part.layer, part.kind, part.shift_pixels) for part in shifts] == [
        ("max_pool_1", "MaxPool2d", 1),
        ("max_pool_1", "MaxPool2d", 2),
        ("max_pool_1", "MaxPool2d", 3),
    ]
    recorded = []
    handle = model.module.max_pool_1.register_forward_hook(
        lambda _module, inputs, output: recorded.append((inputs[0], output))
    )
    with torch.no_grad():
        for images in (pixels, shift_images(pixels, 0, 2), shift_images(pixels, 2, 0)):
            model.module(torch.from_numpy(images.copy()).permute(0, 3, 1, 2))
    handle.remove()
    for side, field in ((0, "input_change"), (1, "output_change")):
        original = recorded[0][side].numpy().reshape(8, -1)
        changes = []
        for maps in (recorded[1][side], recorded[2][side]):
            moved = maps.numpy().reshape(8, -1)
            size = (np.linalg.norm(original, axis=1) + np.linalg.norm(moved, axis=1)) / 2
            changes.append((np.linalg.norm(original - moved, axis=1) / size).mean())
        assert getattr(shifts[1], field) == pytest.approx(np.mean(changes), rel=1e-4)


def test_a_model_in_training_mode_stays_as_it_is() -> None:
    import torch

    layers = [{"conv": {"channels": 2, "kernel": 3}}, "batch_norm", {"max_pool": 2}, "flatten"]
    network = Network.model_validate(
        {
            "input": {"height": 8, "width": 8, "channels": 1},
            "layers": [*layers, {"output": "softmax"}],
        }
    )
    module = network.build(2).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = Model(module, Manifest(network=network, labels=("a", "b")))
    found = pooling_shifts(model, random_images(8))
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    module.eval()
    assert pooling_shifts(model, random_images(8)) == found


def test_consistency_is_accuracy_where_all_clean_predictions_are_correct(
    digits_run: Path,
) -> None:
    predictor = Predictor(digits_run / "model.safetensors")
    pixels = random_images(40)
    targets = predictor.probabilities(pixels).argmax(axis=1).astype(np.int64)
    images = ReportImages(pixels, np.arange(40), [f"{row}.png" for row in range(40)])
    robustness = score_robustness(predictor, images, targets, silent)
    assert (robustness.n, robustness.accuracy) == (40, 1.0)
    assert robustness.pooling_shifts == ()
    assert robustness.pooling_note == (
        "feature maps of an exported file cannot be read; evaluate the model.safetensors"
    )
    for part in robustness.corruptions:
        assert part.accuracy == part.consistency
        assert part.accuracy_interval[0] <= part.accuracy <= part.accuracy_interval[1]


def test_an_output_that_is_not_finite_names_the_image(digits_run: Path) -> None:
    predictor = Predictor(digits_run / "model.safetensors")
    predictor.module.output.bias.data[0] = float("nan")
    images = ReportImages(random_images(3), np.arange(3), ["a.png", "b.png", "c.png"])
    with pytest.raises(Error) as caught:
        score_robustness(predictor, images, np.zeros(3, np.int64), silent)
    assert str(caught.value) == (
        "the model's output is NaN or infinite for 3 of 3 images, first a.png; nothing was "
        "scored: train the model again with a smaller learning rate"
    )
