"""The scores of val against sklearn, and what happens when images are gone."""

import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

import foveal
from foveal.errors import DataError, Error, UsageError
from foveal.intervals import binomial_interval
from foveal.rundir import RunData, read_run_data, write_run_data
from foveal.studio.models.loaded import model_path
from foveal.studio.models.val_scores import score_val


def test_confusion_and_accuracy_are_those_of_sklearn(digits_run):
    predictor = foveal.load(model_path(digits_run))
    scores = score_val(digits_run, predictor)
    val = read_run_data(digits_run).val
    data = read_run_data(digits_run)
    predicted = [
        each.label for each in foveal.predict(predictor, [data.root / v.path for v in val])
    ]
    true = [image.labels[0] for image in val]
    expected = confusion_matrix(true, predicted, labels=scores.labels)
    found = scores.to_data({}.get)
    cells = [[*cell, int(expected[*cell])] for cell in np.argwhere(expected).tolist()]
    assert found["confusion"] == cells
    correct = int(np.trace(expected))
    assert scores.recalls == (np.diag(expected) / expected.sum(1)).tolist()
    assert (found["n"], found["accuracy"]) == (100, correct / 100)
    assert found["accuracy_interval"] == list(binomial_interval(correct, 100))


def test_images_have_the_ids_that_the_project_knows(digits_run):
    scores = score_val(digits_run, foveal.load(model_path(digits_run)))
    ids = {scores.images[3].path: 17}
    rows = scores.to_data(ids.get)["images"]
    assert [row["id"] for row in rows] == [None] * 3 + [17] + [None] * 96
    assert all(0 <= row["true_probability"] <= row["probability"] <= 1 for row in rows)


@pytest.fixture
def moved_run(digits_run, digits, tmp_path):
    """The run, with its images in a folder that can be changed."""
    run, images = tmp_path / "run", tmp_path / "images"
    shutil.copytree(digits_run, run)
    shutil.copytree(digits, images)
    data = read_run_data(run)
    write_run_data(run, RunData(images, data.classes, train=data.train, val=data.val))
    return run, images


def test_images_that_are_gone_are_counted(moved_run):
    run, images = moved_run
    gone = read_run_data(run).val[:7]
    for image in gone:
        (images / image.path).unlink()
    scores = score_val(run, foveal.load(model_path(run)))
    assert (len(scores.images), scores.unreadable) == (93, 7)


def test_all_images_gone_is_one_sentence(moved_run):
    run, images = moved_run
    shutil.rmtree(images)
    with pytest.raises(DataError) as raised:
        score_val(run, foveal.load(model_path(run)))
    assert str(raised.value) == (
        "none of the 100 val images of this run can be read: are they still where they were?"
    )


def test_a_run_without_data_or_with_several_labels(moved_run):
    run, _ = moved_run
    predictor = foveal.load(model_path(run))
    content = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**content, "task": "multi"}))
    with pytest.raises(UsageError) as raised:
        score_val(run, predictor)
    assert str(raised.value) == ("images of this run have several labels: see its report instead")
    (run / "data.json").unlink()
    with pytest.raises(UsageError) as raised:
        score_val(run, predictor)
    assert str(raised.value) == (
        "this run has no data.json, which lists its images: start a new run"
    )


def test_a_model_without_finite_output_is_no_unreadable_image(nan_run):
    with pytest.raises(Error) as caught:
        score_val(nan_run, foveal.load(model_path(nan_run)))
    assert str(caught.value) == (
        "the model's output is NaN or infinite; train the model again with a smaller learning rate"
    )
