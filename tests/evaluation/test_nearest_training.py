"""The training images nearest to errors: against a plain loop, and when there are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from foveal.evaluation import nearest_training
from foveal.evaluation.nearest_training import nearest_of_run, nearest_training_images
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.report_images import ReportImages
from foveal.images.resize import to_input_pixels
from foveal.network.cost import network_cost
from foveal.prediction.predictor import Predictor
from foveal.rundir import read_run_data


@pytest.fixture
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


@pytest.fixture
def asked(model: Path, new_digits: Path):
    """40 new digits, of which the first five count as errors."""
    predictor = Predictor(model)
    paths = sorted(new_digits.rglob("*.png"), key=lambda path: path.name)[:40]
    network = predictor.manifest.network
    pixels = np.stack([to_input_pixels(path, network.input, network.preprocess) for path in paths])
    probabilities = np.full((40, 10), 0.01)
    targets = np.array([int(path.parent.name) for path in paths])
    answers = targets.copy()
    answers[:5] = (answers[:5] + 1) % 10
    probabilities[np.arange(40), answers] = 0.91
    probabilities[np.arange(5), targets[:5]] = np.arange(5) / 1000
    names = [path.relative_to(new_digits).as_posix() for path in paths]
    predictions = Predictions(probabilities, targets, tuple("0123456789"))
    return predictor, paths, predictions, ReportImages(pixels, np.arange(40), names)


def test_the_nearest_by_a_plain_loop(model: Path, digits: Path, asked) -> None:
    predictor, paths, predictions, images = asked
    found = nearest_training_images(predictor, model, predictions, images)
    assert found is not None
    assert found["searched"] == 200
    assert [error["path"] for error in found["errors"]] == images.paths[:5]
    run_data = read_run_data(model.parent)
    assert run_data is not None
    names = [image.path for image in run_data.train]
    vectors = predictor.embed([digits / name for name in names]).astype(float)
    for path, error in zip(paths, found["errors"], strict=False):
        query = predictor.embed(path)[0].astype(float)
        norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
        distances = 1 - vectors @ query / norms
        expected = np.argsort(distances)[:4]
        assert [item["path"] for item in error["nearest"]] == [names[row] for row in expected]
        np.testing.assert_allclose(
            [item["distance"] for item in error["nearest"]], distances[expected], atol=1e-4
        )
        assert all(item["labels"] == [item["path"][0]] for item in error["nearest"])
        assert all(item["thumbnail"].startswith("data:image/") for item in error["nearest"])


def test_an_error_among_the_training_images_is_not_its_own_neighbour(
    model: Path, digits: Path, asked
) -> None:
    predictor, _, predictions, images = asked
    run_data = read_run_data(model.parent)
    assert run_data is not None
    name = run_data.train[0].path
    network = predictor.manifest.network
    pixels = images.pixels.copy()
    pixels[0] = to_input_pixels(digits / name, network.input, network.preprocess)
    own = ReportImages(pixels, images.cache_rows, [name, *images.paths[1:]])
    found = nearest_training_images(predictor, model, predictions, own)
    assert found is not None
    assert found["errors"][0]["path"] == name
    assert name not in [item["path"] for item in found["errors"][0]["nearest"]]
    assert len(found["errors"][0]["nearest"]) == 4


def test_another_image_of_the_same_path_is_a_neighbour(model: Path, asked) -> None:
    predictor, _, predictions, images = asked
    found = nearest_training_images(predictor, model, predictions, images)
    assert found is not None
    expected = found["errors"][0]["nearest"]
    named = ReportImages(images.pixels, images.cache_rows, [expected[0]["path"], *images.paths[1:]])
    found = nearest_training_images(predictor, model, predictions, named)
    assert found is not None
    assert found["errors"][0]["nearest"] == expected


def test_changed_images_are_not_searched(
    digits_run: Path, digits: Path, asked, tmp_path: Path
) -> None:
    predictor, _, predictions, images = asked
    run, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(digits_run, run)
    shutil.copytree(digits, data)
    text = (run / "data.json").read_text().replace(str(digits), str(data))
    (run / "data.json").write_text(text)
    train = read_run_data(run).train
    shutil.copy(data / train[1].path, data / train[0].path)
    (data / train[2].path).write_bytes(b"")
    (data / train[3].path).unlink()
    found = nearest_training_images(predictor, run / "model.safetensors", predictions, images)
    assert found is not None
    assert found["searched"] == 197
    shutil.rmtree(data)
    model = run / "model.safetensors"
    assert nearest_training_images(predictor, model, predictions, images) is None


def test_without_errors_or_data(model: Path, asked, tmp_path: Path) -> None:
    predictor, _, predictions, images = asked
    correct = Predictions(
        predictions.probabilities[5:], predictions.targets[5:], predictions.labels
    )
    assert nearest_training_images(predictor, model, correct, images) is None
    alone = tmp_path / "model.safetensors"
    assert nearest_training_images(predictor, alone, predictions, images) is None
    (tmp_path / "data.json").write_text("{")
    assert nearest_training_images(predictor, alone, predictions, images) is None


def test_of_many_training_images_a_part_is_searched(
    model: Path, asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest_training, "MAX_TRAINING_IMAGES", 50)
    predictor, _, predictions, images = asked
    found = nearest_training_images(predictor, model, predictions, images)
    assert found is not None
    assert found["searched"] == 50


def test_of_a_run_that_has_the_pixels(model: Path, digits: Path, asked) -> None:
    predictor, _, predictions, images = asked
    run_data = read_run_data(model.parent)
    assert run_data is not None
    network = predictor.manifest.network
    train = run_data.train
    pixels = np.stack(
        [to_input_pixels(digits / one.path, network.input, network.preprocess) for one in train]
    )
    expected = nearest_training_images(predictor, model, predictions, images)
    found = nearest_of_run(predictor, predictions, images, train, pixels, seconds=1e6)
    assert found is not None
    assert expected is not None
    for one, other in zip(found["errors"], expected["errors"], strict=True):
        assert [item["path"] for item in one["nearest"]] == [
            item["path"] for item in other["nearest"]
        ]
        assert [item["thumbnail"] for item in one["nearest"]] == [
            item["thumbnail"] for item in other["nearest"]
        ]
    assert found["searched"] == len(train) == 200
    assert nearest_of_run(predictor, predictions, images, train, pixels, seconds=0) is None


def test_the_time_allows_a_part(model: Path, asked, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, _, predictions, images = asked
    train = read_run_data(model.parent).train
    pixels = np.zeros((len(train), *predictor.manifest.network.input.shape), np.uint8)
    work = network_cost(predictor.manifest.network, 10).multiply_adds
    monkeypatch.setattr(nearest_training, "transfer_speeds", lambda: (60.0 * work, 1.0))
    found = nearest_of_run(predictor, predictions, images, train, pixels, seconds=2.5)
    assert found is not None
    assert found["searched"] == 150
    few = nearest_of_run(predictor, predictions, images, train, pixels, seconds=1)
    assert few is None
    all_of_few = nearest_of_run(predictor, predictions, images, train[:50], pixels, seconds=1)
    assert all_of_few is not None
    assert all_of_few["searched"] == 50
