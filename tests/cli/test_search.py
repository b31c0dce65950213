"""`foveal search` as a person types it: what it prints of its trials and of the choice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from foveal.cli import main
from foveal.cli.search import _lines
from foveal.scale.search.refit import RefitResult
from foveal.scale.search.result import SearchResult, TrialResult
from foveal.scale.search.selection import SelectionBias

TRIALS = (
    TrialResult(0, "complete", 0.8, {"learning_rate": 0.1, "batch_size": 32}, Path("0000")),
    TrialResult(1, "complete", 0.85, {"learning_rate": 0.123456, "batch_size": 64}, Path("0001")),
    TrialResult(2, "pruned", 0.2, {"learning_rate": 9.0, "batch_size": 64}, Path("0002")),
)
BIAS = SelectionBias(bias=0.01, gain=0.03, low=-0.01, high=0.06, standard_error=0.02)
RESULT = SearchResult(
    Path("out"),
    TRIALS,
    TRIALS[1],
    TRIALS[0],
    200,
    {"learning_rate": 0.9, "batch_size": 0.1},
    BIAS,
    "foveal train images --seed 0",
)


def test_lines() -> None:
    assert _lines(RESULT) == [
        "trial 1  85.00 %  learning_rate 0.1235, batch_size 64",
        "trial 0  80.00 %  learning_rate 0.1, batch_size 32",
        "1 trial ended early",
        "what mattered for validation accuracy: learning_rate 90%, batch_size 10%",
        "trial 1 is 5.00 points better on val (n=200) than the values Foveal chooses; on images "
        "that it was not chosen by 3.00 are to be expected (-1.00 to 6.00 over random halves of "
        "val): on the images that chose it, the best of many trials looks better than it is",
        "again: foveal train images --seed 0",
        "report: out/report.html",
    ]


REFIT = RefitResult(Path("out/refit"), 1, 2.5, 12.0, 0.91)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "the refit trained the values of trial 1 for 2.5 minutes: "),
        (
            {"refit": replace(REFIT, trial=0)},
            "the refit trained the values Foveal chooses, as no gain above its standard error is "
            "to be expected of others, for 2.5 minutes: ",
        ),
        (
            {"refit": replace(REFIT, trial=0), "best": TRIALS[0]},
            "the refit trained the values Foveal chooses for 2.5 minutes: ",
        ),
    ],
)
def test_the_line_of_a_refit(changes, sentence: str) -> None:
    result = replace(RESULT, **{"refit": REFIT, **changes})
    assert _lines(result)[-4] == f"{sentence}validation accuracy 91.00 % (n=200)"


def test_sentences_of_small_searches() -> None:
    small = replace(RESULT, selection=None, importances={})
    assert small.gain_sentence() == (
        "trial 1 is 5.00 points better on val (n=200) than the values Foveal chooses; val is too "
        "small to say how much of that is chance"
    )
    assert replace(RESULT, best=TRIALS[0]).gain_sentence() == (
        "no trial was better on val than the values Foveal chooses: they are the result"
    )


def test_a_search(digits: Path, tiny_network: Path, tmp_path: Path, capsys) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(f"network: [{tiny_network}]\nbatch_size: [16, 32]\n")
    words = ["search", digits, "--trials", 2, "--trial-minutes", 0.02, "--space", space]
    words += ["--from", "scratch", "--out", tmp_path / "out"]
    assert main.run([*map(str, words)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path}/out/best/model.safetensors\n"
    lines = err.splitlines()
    assert lines[0] == "trial 0: the values that Foveal chooses"
    assert not [line for line in lines if line.startswith(("design:", "plan:", "  "))]
    assert [line for line in lines if line.startswith("trial 1: ")]
    assert main.run([*map(str, words), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["default"]["number"] == 0


def test_a_search_with_a_refit(digits: Path, tiny_network: Path, tmp_path: Path, capsys) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(f"network: [{tiny_network}]\nbatch_size: [16, 32]\n")
    words = ["search", digits, "--trials", 1, "--trial-minutes", 0.02, "--refit-minutes", 0.02]
    words += ["--space", space, "--from", "scratch", "--out", tmp_path / "out"]
    assert main.run([*map(str, words)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path}/out/refit/model.safetensors\n"
    lines = err.splitlines()
    assert "refit: the values that Foveal chooses, for 0.02 minutes" in lines
    assert not [line for line in lines if line.startswith(("design:", "plan:", "  "))]


def test_a_length_is_needed(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["search", str(digits)]) == 2
    assert capsys.readouterr().err == ("foveal: give --minutes for the whole search, or --trials\n")
