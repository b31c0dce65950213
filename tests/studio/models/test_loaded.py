"""Models stay loaded, and are read again when their file was replaced."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import foveal
from foveal.errors import UsageError
from foveal.progress import Progress
from foveal.studio.models.class_names import NamedRun, RenamedMeanwhile
from foveal.studio.models.loaded import LoadedModels, model_path


def test_predictions_are_those_of_the_verb(digits_run, new_digits):
    model, models = model_path(digits_run), LoadedModels()
    paths = sorted(new_digits.rglob("*.png"))[:20]
    expected = [each.to_data() for each in foveal.predict(model, paths)]
    found = [models.predict(NamedRun(digits_run), path).to_data() for path in paths]
    assert [(each["path"], each["label"]) for each in found] == [
        (each["path"], each["label"]) for each in expected
    ]
    probabilities = [each["probability"] for each in expected]
    assert [each["probability"] for each in found] == pytest.approx(probabilities, abs=1e-5)
    from_bytes = models.predict(NamedRun(digits_run), paths[0].read_bytes())
    assert from_bytes.probability == pytest.approx(expected[0]["probability"], abs=1e-6)


def test_an_unreadable_image_has_an_error(digits_run):
    assert LoadedModels().predict(NamedRun(digits_run), b"no image").error is not None


def test_a_model_is_loaded_once_and_again_when_it_is_replaced(digits_run, tmp_path):
    path, models = tmp_path / "model.safetensors", LoadedModels()
    shutil.copy(model_path(digits_run), path)
    first = models.predictor(path)
    assert models.predictor(path) is first
    shutil.copy(model_path(digits_run), tmp_path / "new")
    (tmp_path / "new").replace(path)
    assert models.predictor(path) is not first


def test_only_the_newest_models_stay_loaded(digits_run, tmp_path):
    models = LoadedModels(most=2)
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        shutil.copy(model_path(digits_run), path)
    first, second, _third = [models.predictor(path) for path in paths]
    assert models.predictor(paths[1]) is second
    assert models.predictor(paths[0]) is not first


def test_a_run_without_a_model(tmp_path):
    with pytest.raises(UsageError) as raised:
        model_path(tmp_path)
    assert str(raised.value) == "this run has no model yet: it has one after its first epoch"


def test_scores_are_computed_once(digits_run):
    models, run = LoadedModels(), NamedRun(digits_run)
    scores = models.val_scores(run)
    assert models.val_scores(run) is scores
    merged = models.val_scores(NamedRun(digits_run, {"3": "odd", "5": "odd"}))
    assert merged.labels == ("0", "1", "2", "odd", "4", "6", "7", "8", "9")
    rows = [0, 1, 2, 3, 4, 3, 5, 6, 7, 8]  # of each digit in the merged matrix
    as_one = np.zeros((9, 9), int)
    for (true, predicted), n in scores.confusion.items():
        as_one[rows[true], rows[predicted]] += n
    matrix = np.zeros((9, 9), int)
    for cell, n in merged.confusion.items():
        matrix[cell] = n
    assert matrix.sum(1).tolist() == as_one.sum(1).tolist()
    right = sum(n for (true, predicted), n in scores.confusion.items() if true == predicted)
    assert np.trace(matrix) >= right
    assert all(one.true_probability <= one.probability <= 1 for one in merged.images)


def test_a_model_that_was_renamed_meanwhile_is_not_asked(digits_run):
    former = NamedRun(digits_run, labels=("0", "one"))
    for ask in (
        lambda models: models.predict(former, b""),
        lambda models: models.val_scores(former),
    ):
        with pytest.raises(RenamedMeanwhile):
            ask(LoadedModels())


def test_images_are_predicted_while_a_model_is_scored(digits_run, new_digits):
    models, run = LoadedModels(), NamedRun(digits_run)
    image = next(new_digits.rglob("*.png"))
    began, predicted = threading.Event(), threading.Event()

    class Watched(Progress):
        def __call__(self, *_):
            began.set()
            assert predicted.wait(20)

    with ThreadPoolExecutor(1) as pool:
        scores = pool.submit(models.val_scores, run, Watched())
        assert began.wait(60)
        assert models.predict(run, image).label is not None
        predicted.set()
        assert scores.result().images
