"""Which images are scored: splits, classes, and what the model was fitted on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import DataError
from foveal.evaluation.collect import (
    TRAINING_IMAGES_UNKNOWN,
    EvaluationSet,
    collect_evaluation_set,
    common_images,
    select_rows,
)
from foveal.model.model import Model, load_model
from foveal.progress import silent


@pytest.fixture(scope="session")
def model(digits_run: Path) -> Model:
    return load_model(digits_run / "model.safetensors")


def collected(model: Model, data: Path, split: str | None = None, **options) -> EvaluationSet:
    dataset = open_dataset(data)
    return collect_evaluation_set(
        dataset, model.manifest, model.train_hashes, split, silent, **options
    )


@pytest.fixture
def old_and_new(digits: Path, new_digits: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "both"
    shutil.copytree(digits, folder)
    shutil.copytree(new_digits, folder, dirs_exist_ok=True)
    return folder


def test_what_the_model_was_fitted_on_is_left_out(model: Model, old_and_new: Path) -> None:
    unseen = collected(model, old_and_new)
    assert (unseen.split, len(unseen), unseen.left_out) == ("unseen", 400, 300)
    everything = collected(model, old_and_new, "all")
    assert (everything.split, len(everything), everything.left_out) == ("all", 700, 0)
    assert everything.used_in_training.sum() == 300


def test_a_model_fitted_on_everything_has_nothing_to_score(model: Model, digits: Path) -> None:
    with pytest.raises(DataError) as caught:
        collected(model, digits)
    assert str(caught.value) == (
        f"the model was fitted on every one of the 300 usable images of {digits}, so that none is "
        "left to score; give other images, or choose a split with --split"
    )


def test_without_hashes_every_image_is_scored_with_a_note(model: Model, digits: Path) -> None:
    dataset = open_dataset(digits)
    no_hashes = np.zeros(0, np.uint64)
    unknown = collect_evaluation_set(dataset, model.manifest, no_hashes, None, silent)
    assert (unknown.split, len(unknown), unknown.notes) == ("all", 300, (TRAINING_IMAGES_UNKNOWN,))
    asked = collect_evaluation_set(dataset, model.manifest, no_hashes, "all", silent)
    assert asked.notes == (TRAINING_IMAGES_UNKNOWN,)


def test_classes_are_matched_by_name(model: Model, new_digits: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("3", "7"):
        shutil.copytree(new_digits / name, data / name)
    shutil.copytree(new_digits / "1", data / "one")
    count = len(list((data / "one").iterdir()))
    with pytest.raises(DataError) as caught:
        collected(model, data)
    assert str(caught.value) == (
        f"{data} has classes the model does not know: 'one' ({count}); it knows "
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9: rename the classes, or leave their images out with "
        "--ignore-unknown-classes"
    )
    matched = collected(model, data, ignore_unknown_classes=True)
    assert matched.ignored_classes == {"one": count}
    assert sorted(set(matched.targets.tolist())) == [3, 7]
    assert matched.notes == (
        "8 of the model's 10 classes have no image here and are not scored: 0, 1, 2, 4, 5, 6, 8, 9",
        f"classes the model does not know were left out: 'one' ({count})",
    )


def test_only_unknown_classes_are_an_error(model: Model, new_digits: Path, tmp_path: Path) -> None:
    shutil.copytree(new_digits / "1", tmp_path / "one")
    count = len(list((tmp_path / "one").iterdir()))
    with pytest.raises(DataError) as caught:
        collected(model, tmp_path, ignore_unknown_classes=True)
    assert str(caught.value) == (
        f"every image of {tmp_path} is of a class the model does not know: 'one' ({count})"
    )


def test_the_splits_of_the_data_are_used(model: Model, new_digits: Path, tmp_path: Path) -> None:
    for name in "012":
        files = sorted((new_digits / name).iterdir())
        for split, part in (("train", files[:20]), ("test", files[20:])):
            (tmp_path / split / name).mkdir(parents=True)
            for file in part:
                shutil.copy(file, tmp_path / split / name)
    count = len(list((tmp_path / "test").rglob("*.png")))
    test = collected(model, tmp_path)
    assert (test.split, len(test)) == ("test", count)
    shutil.rmtree(tmp_path / "train")
    assert len(collected(model, tmp_path)) == count
    with pytest.raises(DataError) as caught:
        select_rows(open_dataset(tmp_path), "val")
    assert str(caught.value) == (
        f"{tmp_path} has no image in val (train 0, val 0, test {count}); choose another with "
        "--split"
    )


def test_test_images_used_in_training_are_noted(
    model: Model, digits: Path, new_digits: Path, tmp_path: Path
) -> None:
    for split, source in (("train", new_digits), ("test", digits)):
        shutil.copytree(source, tmp_path / split)
    assert collected(model, tmp_path).notes == (
        "300 of the 300 images scored were used in training: the scores are too high; find the "
        "duplicates with foveal check",
    )
    assert collected(model, digits, "all").notes == (
        "300 of the 300 images scored were used in training: the scores are too high; score test "
        "to learn how good it is on new images",
    )


def test_models_are_compared_on_the_images_new_to_all(model: Model, old_and_new: Path) -> None:
    unseen = collected(model, old_and_new)
    everything = collected(model, old_and_new, "all")
    first, second = common_images([unseen, everything])
    assert len(first) == len(second) == 400
    assert first.paths == second.paths
    assert np.array_equal(first.targets, second.targets)
    old = everything.restricted_to(np.setdiff1d(everything.rows, unseen.rows))
    with pytest.raises(DataError) as caught:
        common_images([unseen, old])
    assert str(caught.value) == (
        f"each image of {old_and_new} was used to fit one of the 2 models, so that none is left "
        "to compare them on; give other images, or choose a split with --split"
    )


def test_what_is_said_of_compared_images_is_true_of_those_that_are_left(
    model: Model, old_and_new: Path
) -> None:
    unseen, everything = collected(model, old_and_new), collected(model, old_and_new, "all")
    without_3 = unseen.rows[unseen.targets != 3]
    _, second = common_images([unseen.restricted_to(without_3), everything])
    assert (len(second), second.left_out) == (len(without_3), 700 - len(without_3))
    assert second.notes == ("1 of the model's 10 classes have no image here and are not scored: 3",)
