"""`foveal.evaluate` end to end, with a real model and real digits."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

import foveal
from foveal.errors import DataError, Error, UsageError
from foveal.model import file as model_file
from foveal.prediction.predictor import Predictor
from foveal.verbs.evaluate import evaluate


@pytest.fixture(scope="session")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


def test_scores_agree_with_predict(model: Path, new_digits: Path) -> None:
    assert foveal.evaluate is evaluate
    scores = evaluate(model, new_digits)
    assert (scores.model, scores.n, scores.split) == (str(model), 400, "unseen")
    assert (scores.left_out, scores.used_in_training) == (0, 0)
    predictions = list(Predictor(model).predict(new_digits))
    true = [Path(prediction.path).parent.name for prediction in predictions]
    predicted = [prediction.label for prediction in predictions]
    assert scores.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert scores.accuracy > 0.75
    assert scores.accuracy_interval[0] < scores.accuracy < scores.accuracy_interval[1]
    pairs = list(zip(true, predicted, strict=True))
    for row, true_label in enumerate(scores.labels):
        for column, predicted_label in enumerate(scores.labels):
            count = pairs.count((true_label, predicted_label))
            assert scores.confusion[row][column] == count
    assert scores.ms_per_image > 0
    assert scores.robustness is None


def test_models_and_datasets_may_be_values(model: Path, new_digits: Path) -> None:
    from foveal.dataset.open import open_dataset

    scores = evaluate(foveal.load(model), open_dataset(new_digits))
    assert scores.model == "model 1"
    assert scores.accuracy == evaluate(model, new_digits).accuracy


def test_unreadable_images_are_listed_never_scored(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(new_digits, data)
    (data / "4" / "broken.png").write_bytes(b"no image")
    scores = evaluate(model, data)
    assert scores.n == 400
    assert [image.path for image in scores.unusable] == ["4/broken.png"]


def test_a_table_with_groups_and_columns(model: Path, new_digits: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "camera"])
        for number, path in enumerate(sorted(new_digits.rglob("*.png"))):
            writer.writerow([path, path.parent.name, f"writer {number % 13}", "AB"[number % 2]])
    scores = evaluate(model, table)
    assert (scores.bootstrap_unit, scores.n_bootstrap_units) == ("groups", 13)
    assert {part.value for part in scores.slices if part.attribute == "camera"} == {"A", "B"}


def test_the_threshold_is_chosen_and_stored_in_a_new_file(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    before = model.read_bytes()
    out = tmp_path / "new.safetensors"
    scores = evaluate(model, new_digits, abstain_at_accuracy=0.96, out=out)
    assert model.read_bytes() == before
    stored = model_file.read_manifest(out).thresholds.abstain
    assert stored == scores.abstention.threshold
    assert scores.abstention.accuracy >= 0.96
    weights, written = (model_file.read_model_file(path)[1] for path in (model, out))
    assert all(np.array_equal(weights[name], written[name]) for name in weights)
    abstained = sum(prediction.abstained for prediction in Predictor(out).predict(new_digits))
    assert abstained == 400 - scores.abstention.n


def test_a_folder_of_other_images_is_scored(model: Path, new_digits: Path) -> None:
    score = evaluate(model, new_digits, others=new_digits / "3").out_of_distribution
    assert score.n == len(list((new_digits / "3").iterdir()))
    assert (score.threshold, score.rejection_rate) == (None, None)
    missing = new_digits / "none"
    with pytest.raises(UsageError) as caught:
        evaluate(model, new_digits, others=missing)
    assert str(caught.value) == (f"--others {missing} is not a folder; give a folder of images")


def test_a_folder_without_readable_images_is_refused(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        evaluate(model, new_digits, others=tmp_path)
    assert str(caught.value) == (f"no image in {tmp_path} can be read; give a folder of images")


def test_what_is_read_is_never_the_report(model: Path, tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    table.write_text("path,label\n")
    for report, name in ((model, "model"), (table, "data")):
        with pytest.raises(UsageError) as caught:
            evaluate(model, table, report=report)
        assert str(caught.value) == (
            f"--report is the {name} itself, {report}, which is never altered; give another name"
        )


def test_the_model_is_never_its_own_output(model: Path, new_digits: Path) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(model, new_digits, abstain_at_accuracy=0.9, out=model)
    assert str(caught.value) == (
        f"--out is the model itself, {model}, which is never altered; give another name"
    )
    with pytest.raises(UsageError) as caught:
        evaluate(model, new_digits, abstain_at_accuracy=0.9)
    assert str(caught.value) == (
        "--abstain-at-accuracy and --out go together: the model with the threshold is written to "
        "a new file"
    )


def test_only_a_native_file_is_written_with_a_threshold(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new.safetensors"
    with pytest.raises(UsageError) as caught:
        evaluate(foveal.load(model), new_digits, abstain_at_accuracy=0.9, out=out)
    assert str(caught.value) == (
        "--abstain-at-accuracy writes a native model file; give the model.safetensors that "
        "`foveal train` wrote, then export it again"
    )
    assert not out.exists()


def test_output_that_is_not_finite_stops_the_work(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    manifest, tensors = model_file.read_model_file(model)
    broken = {name: values.copy() for name, values in tensors.items()}
    last = next(name for name in broken if name.startswith("output") and name.endswith("bias"))
    broken[last][0] = np.nan
    path, page = tmp_path / "broken.safetensors", tmp_path / "report.html"
    model_file.write_model_file(path, manifest, broken)
    with pytest.raises(Error) as caught:
        evaluate(path, new_digits, report=page)
    first = min(new_digits.glob("0/*.png"), key=lambda path: path.name)
    assert str(caught.value) == (
        f"the model's output is NaN or infinite for 400 of 400 images, first 0/{first.name}; "
        "nothing was scored: train the model again with a smaller learning rate"
    )
    assert not page.exists()
