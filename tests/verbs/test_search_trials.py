"""Trials of a search: one that fails is told, data without val is refused."""

from __future__ import annotations

from collections.abc import Container
from itertools import count
from pathlib import Path

import pytest

from foveal.errors import DataError, TrainingError
from foveal.scale.search.result import SearchResult
from foveal.scale.search.study import open_study, release_dead_trials
from foveal.verbs import search_runs as module
from foveal.verbs.search import search


@pytest.fixture
def search_that_fails(
    digits: Path, tiny_network: Path, messages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`search_that_fails(reason, turns)` is a search of two trials, of which these fail, told."""

    def run(reason: str, failing: Container[int]) -> tuple[SearchResult, list[str]]:
        real, turns = module.train_in_folder, count()

        def train(*arguments):
            if next(turns) in failing:
                raise TrainingError(reason)
            return real(*arguments)

        monkeypatch.setattr(module, "train_in_folder", train)
        space = tmp_path / "space.yaml"
        space.write_text(f"batch_size: [16, 32]\nnetwork: [{tiny_network}]\n")
        result = search(
            digits,
            trials=2,
            trial_minutes=0.02,
            space=space,
            out=tmp_path / "out",
            start_from="scratch",
            progress=messages,
        )
        return result, messages.texts

    return run


def test_a_trial_that_fails_is_no_end(search_that_fails) -> None:
    result, _ = search_that_fails("the loss is nan", [1])
    assert [trial.state for trial in result.trials] == ["complete", "failed", "complete"]


def test_data_without_val(digits: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(digits.rglob("*.png"))[:16]):  # four a class: no val
        split = "train" if number < 8 else "test"
        target = tmp_path / "few" / split / "ab"[number % 2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    with pytest.raises(DataError) as info:
        search(
            tmp_path / "few",
            trials=1,
            trial_minutes=0.02,
            out=tmp_path / "out",
            start_from="scratch",
        )
    assert str(info.value) == (
        "the data has no validation images to compare trials on; give more images, or a split "
        "named val"
    )


def test_where_no_trial_can_be_trained_the_search_ends(search_that_fails) -> None:
    result, told = search_that_fails("the disk is full", range(1, 99))
    assert [trial.state for trial in result.trials] == ["complete", *["failed"] * 5]
    assert told[-2:] == [
        "trial 5 failed: the disk is full",
        "5 trials in a row failed, so no more are started",
    ]


def test_a_trial_is_alive_from_its_first_moment_to_its_last(
    digits: Path, tiny_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, dead = module.train_in_folder, []

    def look() -> None:
        other = open_study(tmp_path / "out", None)
        dead.append(release_dead_trials(other, tmp_path / "out" / "trials"))

    def train(*arguments):
        look()  # the run folder is not made yet
        run = real(*arguments)
        look()  # the run folder is unlocked, and the study does not know that the trial has ended
        return run

    monkeypatch.setattr(module, "train_in_folder", train)
    (tmp_path / "space.yaml").write_text(f"batch_size: [16, 32]\nnetwork: [{tiny_network}]\n")
    result = search(
        digits,
        trials=2,
        trial_minutes=0.02,
        space=tmp_path / "space.yaml",
        out=tmp_path / "out",
        start_from="scratch",
    )
    assert dead == [0] * 4
    assert [trial.state for trial in result.trials] == ["complete"] * 2
