"""The runs of a search: their time, what trials need not measure, and when they say too little."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from foveal.progress import Progress, silent
from foveal.rundir import RECIPE_FILE
from foveal.scale.search.budget import SearchBudget
from foveal.spec.recipe import Recipe
from foveal.training.setup.budget import Budget
from foveal.verbs import search_runs as module
from foveal.verbs.search import search
from foveal.verbs.search_runs import DEFAULT_TRIAL, Search, is_informative, train_trial


def arguments(data: Path, out: Path, refit: float = 1.0, progress: Progress = silent) -> Search:
    budget = SearchBudget(0.05, None, refit, None)
    return Search(data, None, out, budget, "scratch", 0, "auto", progress)


def test_the_time_of_a_trial_counts_from_when_its_images_are_decoded(
    digits: Path, tmp_path: Path, tiny_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foveal.training.run import start

    real, decoded, budgets = start.decode_training_data, [], []

    def decode(*arguments, **more):
        data = real(*arguments, **more)
        decoded.append(time.monotonic())
        return data

    def start_session(network, data, config):
        budgets.append(config.budget)
        return real_start(network, data, config)

    real_start = start.start_session
    monkeypatch.setattr(start, "decode_training_data", decode)
    monkeypatch.setattr(start, "start_session", start_session)
    values = {"network": str(tiny_network)}
    train_trial(arguments(digits, tmp_path), tmp_path / "run", values, lambda *_: None)
    (at,), (budget,) = decoded, budgets
    assert isinstance(budget, Budget)
    assert budget.started_at >= at
    assert budget.minutes == 0.05


def test_trials_take_what_the_first_has_measured(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foveal.training.setup import session

    measured, real = [], session.measure_invariance
    monkeypatch.setattr(
        session, "measure_invariance", lambda *given: measured.append(1) or real(*given)
    )
    space = tmp_path / "space.yaml"
    space.write_text("mixup_alpha: [0.1, 0.2]\n")
    out = tmp_path / "out"
    search(digits, trials=2, trial_minutes=0.02, space=space, out=out, start_from="scratch")
    assert len(measured) == 1
    first, second = (Recipe.load(out / "trials" / name / RECIPE_FILE) for name in ("0000", "0001"))
    assert second.mixup_alpha in (0.1, 0.2)
    for key in module.MEASURED_KEYS:
        assert getattr(second, key) == getattr(first, key)


def write_default(folder: Path, **values) -> None:
    path = folder / "trials" / DEFAULT_TRIAL / RECIPE_FILE
    path.parent.mkdir(parents=True)
    Recipe(**values).save(path)


def test_a_trial_of_too_few_epochs_says_nothing_before_a_refit(tmp_path: Path, messages) -> None:
    write_default(tmp_path, epochs=1.25)
    assert not is_informative(arguments(tmp_path, tmp_path, progress=messages))
    assert messages.texts == [
        "a trial of 3 s has 1.2 epochs, too few to compare values, so that the time left is for "
        "the refit; 3 epochs take about 2.4 times the minutes"
    ]
    assert is_informative(arguments(tmp_path, tmp_path, refit=0.0))


@pytest.mark.parametrize("values", [{"epochs": 3.0}, {"epochs": 0.5, "linear_probe": "on"}])
def test_a_trial_that_says_enough(tmp_path: Path, values) -> None:
    write_default(tmp_path, **values)
    assert is_informative(arguments(tmp_path, tmp_path))


def test_the_first_trial_may_be_on_another_machine(tmp_path: Path) -> None:
    assert arguments(tmp_path, tmp_path).default_recipe() is None
    assert is_informative(arguments(tmp_path, tmp_path))
