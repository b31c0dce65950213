"""The refit of a search: what it trains, that it is trained once, and that it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from foveal.progress import silent
from foveal.rundir import RECIPE_FILE
from foveal.scale.search.budget import SearchBudget, plan_search
from foveal.scale.search.refit import Refit, store_refit, stored_refit
from foveal.scale.search.result import SearchResult
from foveal.scale.search.study import default_trial, open_study, stored_space
from foveal.spec.recipe import Recipe
from foveal.training.setup.request import TrainRequest
from foveal.verbs import search_refit, search_runs
from foveal.verbs.evaluate import evaluate
from foveal.verbs.search import search
from foveal.verbs.search_refit import run_refit
from foveal.verbs.search_runs import Search

pytestmark = pytest.mark.usefixtures("forked_commands")
SPACE = "batch_size: [16, 32]\nmixup_alpha: [0.0, 0.3]\nnetwork: [NETWORK]\n"
LENGTHS = {"trial_minutes": 0.02, "refit_minutes": 0.02}


@pytest.fixture
def space(tmp_path: Path, tiny_network: Path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE.replace("NETWORK", str(tiny_network)))
    return path


def run(digits: Path, space: Path, out: Path, trials: int = 1, **more) -> SearchResult:
    lengths = {**LENGTHS, "start_from": "scratch", **more}
    return search(digits, trials=trials, space=space, out=out, **lengths)


def test_a_refit_of_the_default_values_is_an_ordinary_run(digits, space, tmp_path: Path) -> None:
    result = run(digits, space, tmp_path / "out")
    folder = tmp_path / "out" / "refit"
    assert (result.refit.folder, result.refit.trial) == (folder, 0)
    assert result.refit.minutes == 0.02
    assert result.model_path == folder / "model.safetensors"
    own, first = (
        Recipe.load(path / RECIPE_FILE) for path in (folder, tmp_path / "out/trials/0000")
    )
    assert own.learning_rate == first.learning_rate
    assert own.batch_size == first.batch_size
    assert (folder / "report.html").is_file()
    assert evaluate(result.model_path, digits, split="val").accuracy == result.refit.val_accuracy


def test_a_refit_takes_what_was_found_as_factors_to_its_own_values(
    digits, space, tmp_path: Path, tiny_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever trial that is: here the newest, however many epochs it has."""
    monkeypatch.setattr(search_runs, "MIN_EPOCHS", 0.0)
    monkeypatch.setattr(SearchResult, "preferred", property(lambda result: result.trials[-1]))
    result = run(digits, space, tmp_path / "out", trials=2)
    found, default = result.trials[1].params, result.trials[0].params
    own = Recipe.load(tmp_path / "out" / "refit" / RECIPE_FILE)
    first = Recipe.load(tmp_path / "out" / "trials" / "0000" / RECIPE_FILE)
    assert result.refit.trial == 1
    assert own.batch_size == first.batch_size * found["batch_size"] / default["batch_size"]
    assert own.mixup_alpha == found["mixup_alpha"]


def test_the_same_folder_gets_a_second_refit(digits, space, tmp_path: Path) -> None:
    run(digits, space, tmp_path / "out")
    first = (tmp_path / "out" / "refit" / "model.safetensors").read_bytes()
    result = run(digits, space, tmp_path / "out")
    assert result.refit.folder == tmp_path / "out" / "refit-2"
    assert (tmp_path / "out" / "refit" / "model.safetensors").read_bytes() == first
    assert len(result.trials) == 1


def test_no_refit_is_trained_where_no_time_is_left(
    digits, space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SearchBudget, "minutes_for_refit", lambda _: None)
    result = run(digits, space, tmp_path / "out")
    assert result.refit is None
    assert result.model_path == tmp_path / "out" / "best" / "model.safetensors"


def _command(digits: Path, space: Path, out: Path, minutes: float) -> list[str]:
    words = ["search", digits, "--trials", 1, "--trial-minutes", 0.02, "--refit-minutes", minutes]
    words += ["--space", space, "--out", out, "--from", "scratch"]
    return [sys.executable, "-m", "foveal", *map(str, words)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_refit_goes_on_before_any_trial(digits, space, tmp_path: Path, number) -> None:
    out = tmp_path / "out"
    with subprocess.Popen(
        _command(digits, space, out, 60), stderr=subprocess.PIPE, text=True
    ) as process:
        while not (out / "refit" / "log.jsonl").is_file():  # after the model
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        os.kill(process.pid, number)
        _, told = process.communicate(timeout=100)
    if number == signal.SIGINT:
        assert told.splitlines()[-1] == f"stopped; continue with --out {out}"
    started = (out / "refit" / "log.jsonl").read_text().splitlines()
    study = open_study(out, None)
    assert stored_refit(study) == Refit("refit", 0, 60.0)
    store_refit(study, replace(stored_refit(study), minutes=0.05))  # or it goes on for an hour
    result = run(digits, space, out, trials=9)
    assert [trial.state for trial in result.trials] == ["complete"]
    assert (result.refit.folder, result.refit.minutes) == (out / "refit", 0.05)
    if number == signal.SIGINT:  # a killed run goes on from its newest checkpoint
        went_on = (out / "refit" / "log.jsonl").read_text().splitlines()
        assert went_on[: len(started)] == started


@pytest.mark.timeout(900)
def test_a_second_process_waits_and_goes_on_where_the_first_is_killed(
    digits, space, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = _command(digits, space, out, 60)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as first:
        while not (out / "refit" / "log.jsonl").is_file():  # after the model
            assert first.poll() is None, first.stderr.read()
            time.sleep(0.05)
        with subprocess.Popen(words, **pipes) as second:
            while "waiting for another process" not in second.stderr.readline():
                assert second.poll() is None
            study = open_study(out, None)
            store_refit(study, replace(stored_refit(study), minutes=0.05))
            first.kill()
            printed, told = second.communicate(timeout=800)
        first.communicate(timeout=100)
    assert second.returncode == 0, told
    assert printed == f"{out}/refit/model.safetensors\n"
    assert "refit: the values that Foveal chooses, for 0.05 minutes" in told.splitlines()
    assert not (out / "refit-2").exists()


def test_a_refit_that_another_process_has_trained_meanwhile_is_the_result(
    digits, space, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run(digits, space, out)
    budget = plan_search(None, 1, 0.02, 0.02, 0.0)
    arguments = Search(digits, None, out, budget, "scratch", 0, "auto", silent)
    study = open_study(out, None)
    run_refit(study, arguments, result, None)  # there was none when the search started
    assert stored_refit(study) == Refit("refit", 0, 0.02)
    assert not (out / "refit-2").exists()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[TrainRequest]:
    """The runs that refits ask for; none is trained."""
    asked: list[TrainRequest] = []
    monkeypatch.setattr(search_refit, "train_in_folder", lambda request, _: asked.append(request))
    return asked


def test_a_refit_may_take_a_trial_that_ended_meanwhile(
    digits, space, tmp_path: Path, requests
) -> None:
    out = tmp_path / "out"
    result = run(digits, space, out, refit_minutes=0)
    study = open_study(out, None)
    newer = {**study.trials[0].params, "mixup_alpha": 0.3}
    study.add_trial(default_trial(stored_space(study), newer, 0.5, {"folder": "0001", "seed": 7}))
    store_refit(study, Refit("refit", 1, 2.5))
    budget = plan_search(None, 1, 0.05, 2.5, 0.0)
    run_refit(study, Search(digits, None, out, budget, "scratch", 0, "auto", silent), result, None)
    (request,) = requests
    assert (request.overrides, request.seed) == ({"mixup_alpha": 0.3}, 7)
    assert request.minutes == 2.5


def test_a_refit_has_some_time_always(digits, space, tmp_path: Path, requests) -> None:
    run(digits, space, tmp_path / "out", refit_minutes=1e-6)
    assert [request.minutes for request in requests] == [1e-4]
    assert stored_refit(open_study(tmp_path / "out", None)) == Refit("refit", 0, 1e-4)
