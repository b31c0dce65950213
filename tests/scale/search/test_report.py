"""The page of a search: its data, curves of logs that are whole or not, and a browser."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foveal.scale.search.refit import RefitResult
from foveal.scale.search.report import MAX_CURVE_POINTS, read_curve, write_search_report
from foveal.scale.search.result import SearchResult, TrialResult
from foveal.scale.search.selection import SelectionBias
from foveal.scale.search.space import Range

ENTRIES = {
    "learning_rate": Range(low=0.01, high=1.0, log=True),
    "network": ("auto", "</script><b>a very long name of a network.yaml"),
    "batch_size": (16, 32),
}


def write_log(folder: Path, accuracies: list[float]) -> None:
    folder.mkdir(parents=True)
    lines = [{"val_accuracy": accuracy, "seconds": 1.5} for accuracy in accuracies]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def result(tmp_path: Path) -> SearchResult:
    """Ten whole trials of rising accuracy, one that was ended early, a failed and a waiting one."""
    trials = []
    for number in range(11):
        folder, state = tmp_path / f"{number:04d}", "complete" if number < 10 else "pruned"
        accuracy = 0.8 + 0.01 * number if number < 10 else 0.1
        write_log(folder, [accuracy / 2, accuracy] if number else [accuracy])
        names = ENTRIES["network"]
        params = {
            "learning_rate": 0.05 * (number + 1),
            "network": names[number % 2],
            "batch_size": 16,
        }
        trials.append(TrialResult(number, state, accuracy, params, folder))
    trials.append(TrialResult(11, "failed", None, {"learning_rate": 0.3}, None))
    trials.append(TrialResult(12, "waiting", None, {}, None))
    return SearchResult(
        tmp_path,
        tuple(trials),
        trials[9],
        trials[0],
        1234,
        {"learning_rate": 0.75, "network": 0.25, "batch_size": 0.0},
        SelectionBias(bias=0.01, gain=0.06, low=-0.01, high=0.08, standard_error=0.02),
        "foveal train 'my images' --network best/network.yaml --recipe best/recipe.yaml --seed 0",
    )


def page_data(result: SearchResult) -> dict:
    write_search_report(result, ENTRIES, "leaves")
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    (text,) = re.findall(r'<script type="application/json" id="foveal">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_data(result: SearchResult) -> None:
    data = page_data(result)
    assert (data["name"], data["best"], data["default"], data["val_images"]) == (
        "leaves",
        9,
        0,
        1234,
    )
    assert data["keys"] == [
        {"name": "learning_rate", "low": 0.01, "high": 1.0, "log": True},
        {"name": "network", "low": None, "high": None, "log": False},
        {"name": "batch_size", "low": None, "high": None, "log": False},
    ]
    assert data["trials"][1] == {
        "number": 1,
        "state": "complete",
        "val_accuracy": 0.81,
        "params": {"learning_rate": 0.1, "network": ENTRIES["network"][1], "batch_size": 16},
        "curve": [[1.5, 0.405], [3.0, 0.81]],
    }
    assert data["trials"][11]["curve"] == []
    assert data["gain"] == result.gain_sentence()
    assert data["command"] == result.command
    assert data["selection"] == {
        "bias": 0.01,
        "gain": 0.06,
        "low": -0.01,
        "high": 0.08,
        "standard_error": 0.02,
    }
    assert data["refit"] is None


def test_data_of_a_refit(result: SearchResult) -> None:
    folder = result.folder / "refit"
    data = page_data(replace(result, refit=RefitResult(folder, 9, 2.5, 12.5, 0.95)))
    assert data["refit"] == {
        "trial": 9,
        "minutes": 2.5,
        "epochs": 12.5,
        "val_accuracy": 0.95,
        "report": "refit/report.html",
    }


def test_keys_of_another_space_come_last(result: SearchResult) -> None:
    other = TrialResult(13, "failed", None, {"mixup_alpha": 0.1}, None)
    data = page_data(replace(result, trials=(*result.trials, other)))
    names = ["learning_rate", "network", "batch_size", "mixup_alpha"]
    assert [key["name"] for key in data["keys"]] == names


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "no JSON\n",
        "[1]\n",
        '{"val_accuracy": 0.5}\n',
        '{"seconds": null, "val_accuracy": 1}\n',
        '{"seconds": 1e400, "val_accuracy": 1}\n',
        f'{{"seconds": 1{"0" * 400}, "val_accuracy": 1}}\n',
        '{"seconds": 1, "val_accuracy": NaN}\n',
    ],
)
def test_a_log_that_is_missing_or_broken_gives_no_curve(
    tmp_path: Path, content: str | None
) -> None:
    log = tmp_path / "log.jsonl"
    if content is not None:
        log.write_text(content)
    assert read_curve(log) == []


def test_a_pipe_has_no_curve_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.jsonl")
    assert read_curve(tmp_path / "log.jsonl") == []


def test_a_long_curve_keeps_its_end(tmp_path: Path) -> None:
    write_log(tmp_path / "run", [number / 1000 for number in range(1000)])
    curve = read_curve(tmp_path / "run" / "log.jsonl")
    assert len(curve) == MAX_CURVE_POINTS
    assert curve[-1] == (1500.0, 0.999)
    assert curve == sorted(curve)


def test_epochs_without_val_have_no_point(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"val_accuracy": null, "seconds": 2}\n{"val_accuracy": 0.5, "seconds": 1}\n')
    assert read_curve(log) == [(3.0, 0.5)]


def check(result: SearchResult, browser: Callable[..., str]) -> None:
    data = result.folder / "data.json"
    data.write_text(json.dumps(page_data(result)))
    assert browser("search.mjs", result.folder / "report.html", data).strip() == "ok"


@pytest.mark.browser
def test_the_page(result: SearchResult, browser: Callable[..., str]) -> None:
    check(result, browser)


@pytest.mark.browser
@pytest.mark.parametrize("trial", [0, 9])
def test_the_page_of_a_refit(result: SearchResult, browser: Callable[..., str], trial: int) -> None:
    refit = RefitResult(result.folder / "refit", trial, 2.5, 12.5, 0.95)
    check(replace(result, refit=refit), browser)


@pytest.mark.browser
def test_the_page_of_one_trial(result: SearchResult, browser: Callable[..., str]) -> None:
    only = result.trials[0]
    small = replace(result, trials=(only,), best=only, default=only, importances={}, selection=None)
    check(small, browser)


@pytest.mark.browser
def test_the_page_of_a_small_val_without_logs(
    result: SearchResult, browser: Callable[..., str]
) -> None:
    trials = tuple(replace(trial, folder=None) for trial in result.trials[:3])
    check(replace(result, trials=trials, best=trials[2], importances={}, selection=None), browser)
