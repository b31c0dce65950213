"""The result of a study: the best complete trial, files that are whole, what mattered."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import DataError
from foveal.model.file import read_model_file, write_model_file
from foveal.scale.search.command import Source
from foveal.scale.search.refit import Refit, RefitResult, store_refit
from foveal.scale.search.result import write_result, write_val_accuracies
from foveal.scale.search.space import Range
from foveal.scale.search.study import default_trial, open_study, suggest

SOURCE = Source("images", None, "scratch")
ENTRIES = {"learning_rate": Range(low=0.0, high=1.0), "mixup_alpha": (0.0, 0.2)}


@pytest.fixture
def study(tmp_path: Path):
    """A search whose accuracy on 100 images is the learning rate, of the first 0.5."""
    study = open_study(tmp_path, None)

    def make_run(name: str, accuracy: float) -> None:
        folder = tmp_path / "trials" / name
        folder.mkdir(parents=True)
        for file in ("network.yaml", "recipe.yaml", "model.safetensors"):
            (folder / file).write_text(f"{file} of {name}")
        write_val_accuracies(folder, (np.arange(100) < 100 * accuracy).astype(float))

    make_run("0000", 0.5)
    params = {"learning_rate": 0.5, "mixup_alpha": 0.0}
    study.add_trial(default_trial(ENTRIES, params, 0.5, {"folder": "0000", "seed": 5}))
    for number in range(1, 10):
        trial = study.ask()
        values = suggest(trial, ENTRIES)
        trial.set_user_attr("folder", f"{number:04d}")
        trial.set_user_attr("seed", number)
        make_run(f"{number:04d}", values["learning_rate"])
        study.tell(trial, values["learning_rate"])
    return study


def test_the_best_trial_and_its_files(study, tmp_path: Path) -> None:
    result = write_result(study, tmp_path, SOURCE)
    rates = [trial.params["learning_rate"] for trial in result.trials]
    assert result.best.number == int(np.argmax(rates))
    assert result.default.params["learning_rate"] == 0.5
    assert result.val_images == 100
    assert result.command.endswith(
        f"--recipe {tmp_path}/best/recipe.yaml --seed {result.best.number}"
    )
    name = f"{result.best.number:04d}"
    for file in ("network.yaml", "recipe.yaml", "model.safetensors"):
        assert (tmp_path / "best" / file).read_text() == f"{file} of {name}"
    assert json.loads((tmp_path / "search.json").read_text()) == json.loads(
        json.dumps(result.to_data())
    )


def test_what_mattered(study, tmp_path: Path) -> None:
    importances = write_result(study, tmp_path, SOURCE).importances
    assert set(importances) == set(ENTRIES)
    assert importances["learning_rate"] > 0.8
    assert sum(importances.values()) == pytest.approx(1)


def test_accuracies_that_are_lost_or_of_another_val(study, tmp_path: Path) -> None:
    (tmp_path / "trials" / "0003" / "val_accuracies.npy").write_bytes(b"no array")
    (tmp_path / "trials" / "0004" / "val_accuracies.npy").unlink()
    write_val_accuracies(tmp_path / "trials" / "0005", np.ones(7))
    (tmp_path / "trials" / "0006" / "val_accuracies.npy").unlink()
    os.mkfifo(tmp_path / "trials" / "0006" / "val_accuracies.npy")  # is not waited for
    result = write_result(study, tmp_path, SOURCE)
    assert result.val_images == 100
    assert result.selection is not None


def test_numbers_that_are_not_finite_are_none(study, tmp_path: Path) -> None:
    best = write_result(study, tmp_path, SOURCE).best.number
    folder = tmp_path / "trials" / "0003"
    write_val_accuracies(folder, np.full(100, np.nan))
    attributes = {"folder": "0003", "seed": 3}
    infinite = {"learning_rate": 0.5, "mixup_alpha": 0.2}
    study.add_trial(default_trial(ENTRIES, infinite, float("inf"), attributes))
    result = write_result(study, tmp_path, SOURCE)
    assert result.best.number == best
    assert result.trials[-1].val_accuracy is None
    assert result.val_images == 100
    text = (tmp_path / "search.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(result.to_data(), allow_nan=False))


@pytest.mark.parametrize("value", ["[1]", "1" + 400 * "0"])
def test_a_value_that_is_no_number_is_none(study, tmp_path: Path, value: str) -> None:
    (journal,) = tmp_path.glob("*.log")
    params = {"learning_rate": 0.5, "mixup_alpha": 0.2}
    study.add_trial(default_trial(ENTRIES, params, 0.123, {"folder": "0003", "seed": 3}))
    text = journal.read_text()
    assert "0.123" in text
    journal.write_text(text.replace("0.123", value))
    result = write_result(open_study(tmp_path, None), tmp_path, SOURCE)
    assert result.trials[-1].val_accuracy is None


def test_a_trial_that_names_no_folder_is_not_chosen(study, tmp_path: Path) -> None:
    best = write_result(study, tmp_path, SOURCE).best.number
    params = {"learning_rate": 0.5, "mixup_alpha": 0.2}
    study.add_trial(default_trial(ENTRIES, params, 1.0, {}))
    result = write_result(study, tmp_path, SOURCE)
    assert (result.best.number, result.trials[-1].folder) == (best, None)


def test_a_refit_is_the_result(study, digits_run: Path, tmp_path: Path) -> None:
    best = write_result(study, tmp_path, SOURCE)
    assert best.refit is None
    assert best.model_path == tmp_path / "best" / "model.safetensors"
    store_refit(study, Refit("refit", 0, 2.5))
    assert write_result(study, tmp_path, SOURCE).refit is None  # it has not begun
    (tmp_path / "refit").mkdir()
    manifest, tensors = read_model_file(digits_run / "model.safetensors")
    scores = {"data": {"val": {"val_accuracy": 0.75}}, "recipe": {"epochs": 3.0}}
    path = tmp_path / "refit" / "model.safetensors"
    write_model_file(path, manifest.model_copy(update=scores), tensors)
    result = write_result(study, tmp_path, SOURCE)
    assert result.refit == RefitResult(tmp_path / "refit", 0, 2.5, 3.0, 0.75)
    assert result.model_path == path
    assert result.command.endswith(f"--recipe {tmp_path}/refit/recipe.yaml --seed 5")
    data = json.loads((tmp_path / "search.json").read_text())
    assert data["refit"] == {
        "folder": f"{tmp_path}/refit",
        "trial": 0,
        "minutes": 2.5,
        "epochs": 3.0,
        "val_accuracy": 0.75,
    }


def test_a_trial_is_preferred_to_the_default_for_more_than_its_error(study, tmp_path) -> None:
    result = write_result(study, tmp_path, SOURCE)
    assert result.selection.exceeds_error
    assert result.preferred is result.best
    assert replace(result, selection=None).preferred is result.default
    within = replace(result.selection, standard_error=result.selection.gain)
    assert replace(result, selection=within).preferred is result.default


def test_without_the_accuracies_of_the_default_nothing_is_preferred(study, tmp_path) -> None:
    (tmp_path / "trials" / "0000" / "val_accuracies.npy").unlink()
    result = write_result(study, tmp_path, SOURCE)
    assert result.selection is None
    assert result.preferred is result.default


def test_no_trial_is_complete(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    study.ask()
    with pytest.raises(DataError) as info:
        write_result(study, tmp_path, SOURCE)
    assert str(info.value) == (
        f"no trial in {tmp_path} is complete, so there is nothing to choose from; give more time"
    )
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize(
    ("pipe", "reason"), [(True, "not a file"), (False, "No such file or directory")]
)
def test_a_model_of_the_best_trial_that_cannot_be_read_is_one_sentence(
    study, tmp_path: Path, pipe: bool, reason: str
) -> None:
    result = write_result(study, tmp_path, SOURCE)
    before = [path.read_bytes() for path in sorted((tmp_path / "best").iterdir())]
    model = result.best.folder / "model.safetensors"
    (result.best.folder / "recipe.yaml").write_text("changed")
    model.unlink()
    if pipe:
        os.mkfifo(model)  # is not waited for
    with pytest.raises(DataError) as info:
        write_result(study, tmp_path, SOURCE)
    assert str(info.value) == (
        f"cannot read {model}, of the best trial: {reason}; copy it there from where the trial was "
        "trained, and start the search again"
    )
    assert [path.read_bytes() for path in sorted((tmp_path / "best").iterdir())] == before


def test_accuracies_that_claim_terabytes_are_lost(study, tmp_path: Path) -> None:
    huge = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,)}"
    for number, header in ((3, huge), (4, b"(" * 300), (5, b"[1, 2")):
        _write_npy(tmp_path / "trials" / f"000{number}" / "val_accuracies.npy", header)
    assert write_result(study, tmp_path, SOURCE).val_images == 100


def _write_npy(path: Path, header: bytes) -> None:
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    path.write_bytes(content)
