"""Which values a refit takes, its record in the study, and its result in the run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.errors import ModelFileError, UsageError
from foveal.model.file import read_model_file, write_model_file
from foveal.scale.search.refit import (
    FoundValues,
    Refit,
    RefitResult,
    read_refit,
    store_refit,
    stored_refit,
    unused_folder,
    values_of_refit,
    values_of_trial,
)
from foveal.scale.search.study import default_trial, open_study

DEFAULT = {"learning_rate": 0.07, "batch_size": 64, "mixup_alpha": 0.0, "network": "auto"}


def test_the_default_values_change_nothing() -> None:
    assert values_of_refit(DEFAULT, DEFAULT) == FoundValues({}, {})


def test_what_depends_on_the_time_is_a_factor_and_the_rest_is_kept() -> None:
    found = {**DEFAULT, "learning_rate": 0.14, "batch_size": 32, "mixup_alpha": 0.2}
    values = values_of_refit(found, DEFAULT)
    assert values.overrides == {"mixup_alpha": 0.2}
    assert values.factors == {"learning_rate": pytest.approx(2.0), "batch_size": 0.5}
    assert (values.network, values.size) == (None, None)


def test_a_network_and_a_size_that_were_searched_are_kept() -> None:
    values = values_of_refit({**DEFAULT, "network": "swift-s", "size": 96}, {**DEFAULT, "size": 64})
    assert values == FoundValues({}, {}, "swift-s", 96)


def test_a_trial_has_its_values_as_they_are() -> None:
    assert values_of_trial({"learning_rate": 0.1, "network": "auto", "size": 32}) == FoundValues(
        {"learning_rate": 0.1}, {}, None, 32
    )
    assert values_of_trial({"network": "a.yaml"}) == FoundValues({}, {}, "a.yaml")


@pytest.fixture
def study(tmp_path: Path):
    """A study of two trials."""
    study = open_study(tmp_path, None)
    for number in range(2):
        study.add_trial(default_trial({}, {}, 0.5, {"folder": f"000{number}"}))
    return study


def test_a_refit_is_read_again(study, tmp_path: Path) -> None:
    assert stored_refit(study) is None
    store_refit(study, Refit("refit", 1, 2.5))
    assert stored_refit(open_study(tmp_path, None)) == Refit("refit", 1, 2.5)
    store_refit(study, Refit("refit-2", 0, 0.1))
    assert stored_refit(study) == Refit("refit-2", 0, 0.1)


@pytest.mark.parametrize(
    "stored",
    [
        7,
        {},
        {"folder": "refit", "trial": 1, "minutes": 1.0, "more": 1},
        {"folder": "../refit", "trial": 1, "minutes": 1.0},
        {"folder": "refit-0", "trial": 1, "minutes": 1.0},
        {"folder": None, "trial": 1, "minutes": 1.0},
        {"folder": "refit", "trial": 2, "minutes": 1.0},
        {"folder": "refit", "trial": -1, "minutes": 1.0},
        {"folder": "refit", "trial": True, "minutes": 1.0},
        {"folder": "refit", "trial": 1, "minutes": 0},
        {"folder": "refit", "trial": 1, "minutes": float("nan")},
        {"folder": "refit", "trial": 1, "minutes": "1"},
    ],
)
def test_a_refit_that_no_search_has_written(study, stored: object) -> None:
    study.set_user_attr("refit", stored)
    with pytest.raises(UsageError) as info:
        stored_refit(study)
    assert str(info.value) == (
        "the refit of the search 'foveal' is not one that a search has written; give another --out"
    )


def test_a_folder_with_a_run_is_not_used_again(tmp_path: Path) -> None:
    assert unused_folder(tmp_path) == "refit"
    (tmp_path / "refit").mkdir()
    assert unused_folder(tmp_path) == "refit"
    (tmp_path / "refit" / "network.yaml").touch()
    assert unused_folder(tmp_path) == "refit-2"
    (tmp_path / "refit-2").mkdir()
    (tmp_path / "refit-2" / "network.yaml").touch()
    assert unused_folder(tmp_path) == "refit-3"


def write_run(digits_run: Path, folder: Path, **changes) -> None:
    folder.mkdir()
    manifest, tensors = read_model_file(digits_run / "model.safetensors")
    write_model_file(folder / "model.safetensors", manifest.model_copy(update=changes), tensors)


SCORED = {"data": {"val": {"val_accuracy": 0.75}}, "recipe": {"epochs": 12.5}, "finished": True}


def test_the_result_is_in_the_model_file(digits_run: Path, tmp_path: Path) -> None:
    refit = Refit("refit", 1, 2.5)
    assert read_refit(tmp_path, None) is None
    assert read_refit(tmp_path, refit) is None
    write_run(digits_run, tmp_path / "refit", **SCORED)
    assert read_refit(tmp_path, refit) == RefitResult(tmp_path / "refit", 1, 2.5, 12.5, 0.75)


@pytest.mark.parametrize(
    "changes", [{"finished": False}, {"data": {}}, {"data": {"val": {"val_accuracy": "0.75"}}}]
)
def test_a_refit_that_is_not_finished_has_no_result(digits_run, tmp_path, changes) -> None:
    write_run(digits_run, tmp_path / "refit", **{**SCORED, **changes})
    assert read_refit(tmp_path, Refit("refit", 1, 2.5)) is None


def test_a_damaged_model_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "refit").mkdir()
    (tmp_path / "refit" / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        read_refit(tmp_path, Refit("refit", 1, 2.5))
