"""A search on real digits: trials that are runs, one folder for several processes, its result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna import Study

from foveal.errors import MissingExtra, SpecError, UsageError
from foveal.filelock import try_lock
from foveal.scale.search.budget import SearchBudget
from foveal.scale.search.command import Source
from foveal.scale.search.result import SearchResult
from foveal.verbs import search as module
from foveal.verbs.load import load
from foveal.verbs.search import search

pytestmark = pytest.mark.usefixtures("forked_commands")
SPACE = """
learning_rate: {low: 0.002, high: 0.2, log: true}
batch_size: [16, 32]
network: [NETWORK]
"""


@pytest.fixture
def space(tmp_path: Path, tiny_network: Path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE.replace("NETWORK", str(tiny_network)))
    return path


def run(digits: Path, space: Path, out: Path, trials: int, minutes: float = 0.02, **more):
    return search(
        digits,
        trials=trials,
        trial_minutes=minutes,
        space=space,
        out=out,
        start_from="scratch",
        **more,
    )


def test_a_search(digits: Path, space: Path, tmp_path: Path) -> None:
    result = run(digits, space, tmp_path / "out", 4)
    states = [trial.state for trial in result.trials]
    assert len(states) == 4
    assert set(states) <= {"complete", "pruned"}
    assert result.default.number == 0
    assert result.best.val_accuracy == max(
        trial.val_accuracy for trial in result.trials if trial.state == "complete"
    )
    best = tmp_path / "out" / "best"
    assert sorted(file.name for file in best.iterdir()) == [
        "model.safetensors",
        "network.yaml",
        "recipe.yaml",
    ]
    assert len(load(best / "model.safetensors").labels) == 10
    data = json.loads((tmp_path / "out" / "search.json").read_text())
    assert [trial["params"]["batch_size"] for trial in data["trials"]]
    page = (tmp_path / "out" / "report.html").read_text()
    assert f'"command":"{result.command}"' in page
    assert all(
        f'"number":{trial.number},"state":"{trial.state}"' in page for trial in result.trials
    )
    for trial in result.trials[1:]:
        assert 0.002 <= trial.params["learning_rate"] <= 0.2
        assert (trial.folder / "recipe.yaml").is_file()


def test_the_same_folder_goes_on(digits: Path, space: Path, tmp_path: Path) -> None:
    run(digits, space, tmp_path / "out", 2)
    first = (tmp_path / "out" / "trials" / "0000" / "model.safetensors").read_bytes()
    result = run(digits, space, tmp_path / "out", 3)
    assert [trial.number for trial in result.trials] == [0, 1, 2]
    assert (tmp_path / "out" / "trials" / "0000" / "model.safetensors").read_bytes() == first


def _command(digits: Path, space: Path, out: Path, trials: int) -> list[str]:
    words = ["search", digits, "--trials", trials, "--trial-minutes", 0.02, "--space", space]
    words += ["--out", out, "--from", "scratch"]
    return [sys.executable, "-m", "foveal", *map(str, words)]


@pytest.mark.timeout(900)
def test_two_processes_share_a_folder(digits: Path, space: Path, tmp_path: Path) -> None:
    words = _command(digits, space, tmp_path / "out", 5)
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=800)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    data = json.loads((tmp_path / "out" / "search.json").read_text())
    numbers = [trial["number"] for trial in data["trials"]]
    assert numbers == list(range(len(numbers)))
    assert 5 <= len(numbers) <= 6  # both may begin the last one
    assert {trial["state"] for trial in data["trials"]} <= {"complete", "pruned"}
    assert len({trial["folder"] for trial in data["trials"]}) == len(numbers)


def test_one_process_at_a_time_writes_the_result(
    digits: Path, space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, free = module.write_result, []

    def write(study: Study, folder: Path, source: Source) -> SearchResult:
        with try_lock(folder / ".result.lock") as is_free:
            free.append(is_free)
        return real(study, folder, source)

    monkeypatch.setattr(module, "write_result", write)
    run(digits, space, tmp_path / "out", 1)
    assert free == [False]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_trial_goes_on(digits: Path, space: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    run(digits, space, out, 1)
    words = _command(digits, space, out, 2)
    words[words.index("--trial-minutes") + 1] = "60"
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "trials" / "0001" / "log.jsonl").is_file():  # after the model
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        os.kill(process.pid, number)
        process.communicate(timeout=100)
    started = (out / "trials" / "0001" / "log.jsonl").read_text().splitlines()
    result = run(digits, space, out, 2, minutes=0.05)  # more than its first epochs took
    states = [(trial.state, trial.folder.name) for trial in result.trials]
    assert states == [("complete", "0000"), ("failed", "0001"), ("complete", "0001")]
    assert result.trials[1].params == result.trials[2].params
    if number == signal.SIGINT:  # a killed run goes on from its newest checkpoint
        went_on = (out / "trials" / "0001" / "log.jsonl").read_text().splitlines()
        assert went_on[: len(started)] == started


def test_a_space_with_mistakes(digits: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("learning_rte: [0.1]\nmixup_alpha: {low: 0.5, high: 0.1}\n")
    with pytest.raises(SpecError) as info:
        run(digits, space, tmp_path / "out", 2)
    assert "learning_rte" in str(info.value)
    assert "did you mean 'learning_rate'?" in str(info.value)
    assert not (tmp_path / "out").exists()


def test_lengths_are_checked_before_anything_is_written(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as info:
        search(digits, out=tmp_path / "out", minutes=0)
    assert str(info.value) == "--minutes is 0; give a number above 0"
    assert not (tmp_path / "out").exists()


def test_the_minutes_that_trials_leave_are_for_the_refit(
    digits: Path, space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, real = [], SearchBudget.minutes_for_refit

    def minutes_for_refit(budget: SearchBudget) -> float:
        left.append(real(budget))
        return 0.02

    monkeypatch.setattr(SearchBudget, "minutes_for_refit", minutes_for_refit)
    lengths = {"minutes": 600, "trials": 1, "trial_minutes": 0.02, "start_from": "scratch"}
    result = search(digits, space=space, out=tmp_path / "out", **lengths)
    assert [trial.state for trial in result.trials] == ["complete"]
    assert result.refit.folder == tmp_path / "out" / "refit"
    assert result.refit.minutes == 0.02
    assert 400 < left[0] < 600


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_the_sampler_cannot_take(digits: Path, tmp_path: Path, seed: int) -> None:
    with pytest.raises(UsageError) as info:
        search(digits, trials=1, seed=seed, out=tmp_path / "out")
    assert str(info.value) == f"--seed is {seed}; give a whole number from 0 to 4294967295"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("package", "extra"), [("optuna", "search"), ("torch", "train")])
def test_without_a_package_its_extra_is_named(digits, tmp_path, monkeypatch, package, extra):
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == package else name)
    message = f"foveal search needs the extra '{extra}': type  pip install 'foveal[{extra}]'"
    with pytest.raises(MissingExtra) as info:
        search(digits, trials=1, out=tmp_path / "out")
    assert str(info.value) == message


def test_the_data_are_no_folder_to_write_into(digits: Path) -> None:
    before = sorted(digits.iterdir())
    with pytest.raises(UsageError) as info:
        search(digits, trials=1, out=digits)
    assert str(info.value) == (
        f"--out is the data itself, {digits}, which is never altered; give another name"
    )
    assert sorted(digits.iterdir()) == before
