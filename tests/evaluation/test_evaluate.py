"""The verb end to end, with a real model and real digits."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

import foveal
from foveal.errors import DataError, Error, UsageError
from foveal.evaluation.report import run_report
from foveal.model import file as model_file
from foveal.prediction.predictor import Predictor
from foveal.verbs.evaluate import evaluate


@pytest.fixture(scope="session")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


def page_data(path: Path) -> dict[str, Any]:
    found = re.search(r'id="foveal">(.*?)</script>', path.read_text(), re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_figures_are_those_of_predict(model: Path, new_digits: Path) -> None:
    scores = evaluate(model, new_digits)
    assert (scores.n, scores.left_out, scores.split) == (400, 0, "unseen")
    answers = list(Predictor(model).predict(new_digits))
    truth = [Path(answer.path).parent.name for answer in answers]
    said = [answer.label for answer in answers]
    assert scores.accuracy == pytest.approx(accuracy_score(truth, said))
    assert scores.accuracy > 0.75
    assert scores.accuracy_interval[0] < scores.accuracy < scores.accuracy_interval[1]
    for row, true in enumerate(scores.labels):
        for column, answered in enumerate(scores.labels):
            count = sum(pair == (true, answered) for pair in zip(truth, said, strict=True))
            assert scores.confusion[row][column] == count
    assert foveal.evaluate is evaluate
    assert scores.ms_per_image > 0


def test_what_the_model_was_fitted_on_is_left_out(
    model: Path, digits: Path, new_digits: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    shutil.copytree(digits, both)
    shutil.copytree(new_digits, both, dirs_exist_ok=True)
    scores = evaluate(model, both)
    assert (scores.n, scores.left_out) == (400, 300)
    everything = evaluate(model, both, split="all")
    assert (everything.n, everything.left_out, everything.seen) == (700, 0, 300)
    with pytest.raises(DataError) as caught:
        evaluate(model, digits)
    assert str(caught.value) == (
        f"the model was fitted on every one of the 300 usable images of {digits}: nothing is "
        "left to score; give other images, or name a split with --split"
    )


def test_classes_are_matched_by_name(model: Path, new_digits: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    for name in ("3", "7"):
        shutil.copytree(new_digits / name, odd / name)
    shutil.copytree(new_digits / "1", odd / "one")
    with pytest.raises(DataError) as caught:
        evaluate(model, odd)
    count = len(list((odd / "one").iterdir()))
    assert str(caught.value) == (
        f"{odd} has classes the model does not know: 'one' ({count}); it knows "
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9: rename the classes, or leave their images out with "
        "--ignore-unknown-classes"
    )
    scores = evaluate(model, odd, ignore_unknown_classes=True)
    assert scores.ignored == {"one": count}
    assert scores.classes["3"].support > 0
    assert scores.classes["1"].precision is None
    assert (
        "8 of the model's classes have no image here and are not scored: 0, 1, 2, 4, 5, 6, 8, 9"
        in scores.notes
    )


def test_splits_of_the_data_are_kept(model: Path, new_digits: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for split, names in (("train", "012"), ("test", "012")):
        for name in names:
            files = sorted((new_digits / name).iterdir())
            part = files[:20] if split == "train" else files[20:]
            (data / split / name).mkdir(parents=True)
            for file in part:
                shutil.copy(file, data / split / name)
    scores = evaluate(model, data)
    assert scores.split == "test"
    assert scores.n == len(list((data / "test").rglob("*.png")))
    shutil.rmtree(data / "train")
    assert evaluate(model, data).n == scores.n
    with pytest.raises(DataError) as caught:
        evaluate(model, data, split="val")
    assert str(caught.value) == (
        f"{data} has no image in val (train 0, val 0, test {scores.n}); name another with --split"
    )


def test_unreadable_images_are_listed_never_scored(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(new_digits, data)
    (data / "4" / "broken.png").write_bytes(b"no image")
    scores = evaluate(model, data)
    assert scores.n == 400
    assert [bad.path for bad in scores.unusable] == ["4/broken.png"]


def test_a_table_with_groups_and_columns(model: Path, new_digits: Path, tmp_path: Path) -> None:
    paths = sorted(new_digits.rglob("*.png"))
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "camera"])
        for number, path in enumerate(paths):
            writer.writerow([path, path.parent.name, f"writer {number % 13}", "AB"[number % 2]])
    scores = evaluate(model, table)
    assert (scores.resampled, scores.units) == ("groups", 13)
    assert {part.value for part in scores.slices if part.by == "camera"} == {"A", "B"}


def test_the_threshold_is_chosen_and_stored_in_a_new_file(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    before = model.read_bytes()
    out = tmp_path / "new.safetensors"
    scores = evaluate(model, new_digits, abstain_at_accuracy=0.96, out=out)
    assert model.read_bytes() == before
    stored = model_file.read_manifest(out).thresholds.abstain
    assert stored == scores.abstaining.threshold
    assert scores.abstaining.accuracy >= 0.96
    weights, kept = model_file.read_model_file(model)[1], model_file.read_model_file(out)[1]
    assert all(np.array_equal(weights[name], kept[name]) for name in weights)
    abstained = sum(answer.abstained for answer in Predictor(out).predict(new_digits))
    assert abstained == 400 - scores.abstaining.n
    others = evaluate(out, new_digits, others=new_digits / "3").out_of_distribution
    assert others.n == len(list((new_digits / "3").iterdir()))
    assert others.threshold == stored


def test_the_model_is_never_its_own_output(model: Path, new_digits: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(model, new_digits, abstain_at_accuracy=0.9, out=model)
    assert str(caught.value) == (
        f"--out is the model itself, {model}, which is never altered; give another name"
    )
    with pytest.raises(UsageError) as caught:
        evaluate(model, new_digits, abstain_at_accuracy=0.9)
    assert str(caught.value) == (
        "--abstain-at-accuracy and --out go together: the threshold is written to a new file"
    )


def test_several_models_on_the_same_images(model: Path, new_digits: Path, tmp_path: Path) -> None:
    manifest, tensors = model_file.read_model_file(model)
    worse = {name: value.copy() for name, value in tensors.items()}
    last = next(name for name in worse if name.startswith("output") and name.endswith("weight"))
    worse[last] = worse[last] + np.float32(0.3) * np.random.default_rng(0).normal(
        size=worse[last].shape
    ).astype(np.float32)
    other = tmp_path / "worse.safetensors"
    model_file.write_model_file(other, manifest, worse)
    found = evaluate([model, other], new_digits)
    assert [card.model for card in found.models] == [str(model), str(other)]
    (gap,) = found.differences
    assert gap.accuracy == pytest.approx(found.models[0].accuracy - found.models[1].accuracy)
    assert gap.accuracy_interval[0] > 0


def test_probabilities_that_are_not_finite_stop_the_work(
    model: Path, new_digits: Path, tmp_path: Path
) -> None:
    manifest, tensors = model_file.read_model_file(model)
    broken = {name: value.copy() for name, value in tensors.items()}
    last = next(name for name in broken if name.startswith("output") and name.endswith("bias"))
    broken[last][0] = np.nan
    path, page = tmp_path / "broken.safetensors", tmp_path / "report.html"
    model_file.write_model_file(path, manifest, broken)
    with pytest.raises(Error) as caught:
        evaluate(path, new_digits, report=page)
    assert str(caught.value).startswith(
        "the model gives probabilities that are not finite for 400 of 400 images, first 0/"
    )
    assert not page.exists()


def test_the_page_holds_the_json_and_more(model: Path, new_digits: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    scores = evaluate(model, new_digits, report=page, lang="ko")
    data = page_data(page)
    for name, value in scores.to_data().items():
        assert data[name] == value, name
    assert data["images"]["with_thumbnail"] == data["images"]["of"] == 400
    assert len(data["network"]["layers"]) > 5
    assert '<html lang="ko">' in page.read_text()
    assert len(data["robustness"]["changes"]) == 19
    json.dumps(data, allow_nan=False)


def test_a_large_page_samples_its_thumbnails(
    model: Path, new_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveal.evaluation.report.PAGE_BYTES", 200_000)
    page = tmp_path / "report.html"
    scores = evaluate(model, new_digits, report=page)
    shown = page_data(page)["images"]
    wrong = round(scores.n * (1 - scores.accuracy))
    assert wrong <= shown["with_thumbnail"] < 400
    assert all(shown["thumbnail"][:wrong])


def test_the_report_of_a_run(model: Path, new_digits: Path, tmp_path: Path) -> None:
    predictor = Predictor(model)
    paths = sorted(new_digits.rglob("*.png"))
    from foveal.images.resize import to_input_pixels

    network = predictor.manifest.network
    shown = np.stack([to_input_pixels(path, network.input, network.preprocess) for path in paths])
    targets = np.array([int(path.parent.name) for path in paths])
    page = tmp_path / "report.html"
    card = run_report(
        page, predictor.manifest, shown, predictor.logits(shown), targets,
        [path.name for path in paths], told=["read this first"],
    )  # fmt: skip
    data = page_data(page)
    assert (data["kind"], data["split"], data["told"]) == ("run", "val", ["read this first"])
    assert data["accuracy"] == card.accuracy
    assert data["history"] == [{"loss": 0.1}]
    assert not any(isinstance(value, float) and not math.isfinite(value) for value in data.values())

    page.unlink()
    strange = predictor.manifest.model_copy(update={"history": ({"loss": math.inf},)})
    with pytest.raises(Error) as caught:
        run_report(
            page, strange, shown, predictor.logits(shown), targets, [path.name for path in paths]
        )
    assert str(caught.value) == (
        f"{page} was not written: a figure of the model's history is not a number; train it again "
        "with a smaller learning rate"
    )
    assert not page.exists()
