"""Several models on the same images."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import foveal
from foveal.errors import DataError, UsageError
from foveal.model import file as model_file
from foveal.model.model import load_model
from foveal.verbs.compare import compare


@pytest.fixture(scope="session")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


@pytest.fixture
def worse(model: Path, tmp_path: Path) -> Path:
    """The same model with noise on the weights of its last layer."""
    manifest, tensors = model_file.read_model_file(model)
    name = next(key for key in tensors if key.startswith("output") and key.endswith("weight"))
    noise = np.random.default_rng(0).normal(size=tensors[name].shape).astype(np.float32)
    path = tmp_path / "worse.safetensors"
    changed = {**tensors, name: tensors[name] + np.float32(0.3) * noise}
    model_file.write_model_file(path, manifest, changed)
    return path


def test_models_are_scored_on_the_same_images(model: Path, worse: Path, new_digits: Path) -> None:
    assert foveal.compare is compare
    comparison = compare([model, worse], new_digits)
    first, second = comparison.models
    assert [first.model, second.model] == [str(model), str(worse)]
    assert first.to_data()["accuracy"] == foveal.evaluate(model, new_digits).accuracy
    (difference,) = comparison.differences
    assert difference.accuracy == pytest.approx(first.accuracy - second.accuracy)
    assert difference.accuracy_interval[0] > 0


def test_only_images_new_to_every_model_are_scored(
    model: Path, digits: Path, new_digits: Path, tmp_path: Path
) -> None:
    other = replace(load_model(model), train_hashes=np.array([1], np.uint64))
    both = tmp_path / "both"
    shutil.copytree(digits, both)
    shutil.copytree(new_digits, both, dirs_exist_ok=True)
    comparison = compare([model, other], both)
    assert [scores.n for scores in comparison.models] == [400, 400]


def test_values_are_named_by_their_number(model: Path, new_digits: Path) -> None:
    comparison = compare([load_model(model), load_model(model)], new_digits, split="all")
    assert [scores.model for scores in comparison.models] == ["model 1", "model 2"]
    assert comparison.differences[0].accuracy_interval == (0.0, 0.0)


def test_a_wrong_request_is_refused(model: Path, worse: Path, digits: Path) -> None:
    with pytest.raises(UsageError) as caught:
        compare([model], digits)
    assert str(caught.value) == "compare needs at least two models; evaluate scores one"
    with pytest.raises(UsageError) as caught:
        compare([model, model], digits)
    assert str(caught.value) == f"the model {model} was given twice; give each model once"
    with pytest.raises(DataError) as caught:
        compare([model, worse], digits)
    assert str(caught.value) == (
        f"the model was fitted on every one of the 300 usable images of {digits}, so that none is "
        "left to score; give other images, or choose a split with --split"
    )
