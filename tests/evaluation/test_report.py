"""The data of the report page: the scores' JSON and the model's record."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.errors import Error
from foveal.evaluation.report import (
    VAL_NOTE,
    model_record,
    validation_notices,
    write_training_report,
)
from foveal.images.resize import to_input_pixels
from foveal.model.model import load_model
from foveal.prediction.predictor import Predictor
from foveal.verbs.evaluate import evaluate


@pytest.fixture(scope="session")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


def page_data(path: Path) -> dict[str, Any]:
    found = re.search(r'id="foveal">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_holds_the_json_and_more(model: Path, new_digits: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    scores = evaluate(model, new_digits, report=page, lang="ko")
    data = page_data(page)
    for name, value in scores.to_data().items():
        assert data[name] == value, name
    assert (data["kind"], data["notices"]) == ("evaluation", [])
    assert data["images"]["n_thumbnails"] == data["images"]["n_images"] == 400
    assert '<html lang="ko">' in page.read_text()
    assert len(data["robustness"]["corruptions"]) == 19
    json.dumps(data, allow_nan=False)


def test_the_record_of_a_model_has_its_layers_and_history(model: Path) -> None:
    manifest = load_model(model).manifest
    record = model_record(manifest)
    layers = record["network"]["layers"]
    assert [layer["kind"] for layer in layers][:3] == ["conv", "batch_norm", "relu"]
    assert sum(layer["weights"] for layer in layers) == record["network"]["weights"]
    assert record["history"] == [{"loss": 0.1}]
    assert record["weights_sha256"] == manifest.weights_sha256


def test_a_large_page_samples_its_thumbnails(
    model: Path, new_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveal.evaluation.report.MAX_PAGE_BYTES", 200_000)
    page = tmp_path / "report.html"
    scores = evaluate(model, new_digits, report=page)
    images = page_data(page)["images"]
    n_wrong = round(scores.n * (1 - scores.accuracy))
    assert n_wrong <= images["n_thumbnails"] < 400
    assert all(images["thumbnail"][:n_wrong])


@pytest.fixture
def val_images(model: Path, new_digits: Path) -> dict[str, Any]:
    predictor = Predictor(model)
    paths = sorted(new_digits.rglob("*.png"))
    network = predictor.manifest.network
    pixels = np.stack([to_input_pixels(path, network.input, network.preprocess) for path in paths])
    return {
        "logits": predictor.logits(pixels),
        "pixels": pixels,
        "targets": np.array([int(path.parent.name) for path in paths]),
        "paths": [path.name for path in paths],
    }


def test_the_training_report_is_scored_on_val(
    model: Path, val_images: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    manifest = load_model(model).manifest
    scores = write_training_report(page, manifest, **val_images, notices=["read this first"])
    data = page_data(page)
    assert (data["kind"], data["split"]) == ("training", "val")
    assert data["notices"] == ["read this first"]
    assert data["notes"] == list(scores.notes) == [VAL_NOTE, "read this first"]
    assert data["accuracy"] == scores.accuracy
    assert data["history"] == [{"loss": 0.1}]


def test_a_history_that_is_not_finite_writes_no_page(
    model: Path, val_images: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    manifest = load_model(model).manifest.model_copy(update={"history": ({"loss": math.inf},)})
    with pytest.raises(Error) as caught:
        write_training_report(page, manifest, **val_images)
    assert str(caught.value) == (
        f"{page} was not written: the model's training history holds a number that is NaN or "
        "infinite; train the model again with a smaller learning rate"
    )
    assert not page.exists()


def _val(model: Path, task: str = "single", **val: Any) -> list[str]:
    manifest = load_model(model).manifest
    update = {"task": task, "data": {"val": {"val_loss": 0.1, "epoch": 1, **val}}}
    return list(validation_notices(manifest.model_copy(update=update)))


def test_what_few_val_images_cannot_prove_and_chance_are_told(model: Path) -> None:
    weak = "the epoch and the temperature were chosen on 16 val images only"
    assert _val(model, val_images=16, val_accuracy=1.0) == [
        f"{weak}: 16 right may be an accuracy of 79 % to 100 % (95 %), so they do not prove a "
        "probability above 79 %"
    ]
    assert _val(model, "multi", val_images=16, val_accuracy=1.0) == [f"{weak}, which prove little"]
    assert _val(model, val_images=100, val_accuracy=1.0) == []
    assert _val(model, val_images=200, val_accuracy=0.5, at_chance=True) == [
        "the run ended at chance: 50.0 % right of 200 val images is no better than guessing, so do "
        "not use this model; look at the data with foveal check, or train again with a smaller "
        "learning rate or longer"
    ]
    assert _val(model, val_images=2, val_accuracy=1.0, at_chance=True, judged_on="train")[0] == (
        "the run ended at chance: 100.0 % right of 2 val images shows nothing, and not even the "
        "training images are told apart, so do not use this model; look at the data with foveal "
        "check, or train again with a smaller learning rate or longer"
    )
