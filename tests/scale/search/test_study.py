"""The study on the disk: its storage, the first trial, trials of dead processes, pruning."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from foveal.errors import MissingExtra, UsageError
from foveal.filelock import try_lock
from foveal.scale.search import study as module
from foveal.scale.search.space import Range
from foveal.scale.search.study import (
    asked_trial,
    default_trial,
    new_places,
    open_study,
    release_dead_trials,
    report_progress,
    run_folder,
    store_space,
    stored_space,
    suggest,
)

ENTRIES = {
    "learning_rate": Range(low=0.01, high=1.0, log=True),
    "batch_size": Range(low=8, high=64),
    "mixup_alpha": (0.0, 0.2),
}
PARAMS = {"learning_rate": 0.1, "batch_size": 32, "mixup_alpha": 0.0}


def test_a_journal_is_read_again(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    study.add_trial(default_trial(ENTRIES, PARAMS, 0.8, {"folder": "0000"}))
    values = suggest(study.ask(), ENTRIES)
    assert 0.01 <= values["learning_rate"] <= 1
    assert values["batch_size"] in range(8, 65)
    assert values["mixup_alpha"] in (0.0, 0.2)
    again = open_study(tmp_path, None)
    assert [(trial.value, trial.state) for trial in again.trials] == [
        (0.8, TrialState.COMPLETE),
        (None, TrialState.RUNNING),
    ]
    assert again.trials[0].params == PARAMS


def test_the_space_is_read_again(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    assert stored_space(study) == {}
    store_space(study, ENTRIES)
    assert stored_space(open_study(tmp_path, None)) == ENTRIES


def test_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/search.db"
    open_study(tmp_path / "a", url).add_trial(default_trial(ENTRIES, PARAMS, 0.8, {}))
    assert len(open_study(tmp_path / "a", url).trials) == 1
    assert open_study(tmp_path / "b", url).trials == []


@pytest.mark.parametrize("content", [b"no journal\n", b"\xff\xfe\n", b"{}\n", b"7\n"])
def test_a_damaged_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.log").write_bytes(content)
    with pytest.raises(UsageError) as info:
        open_study(tmp_path, None)
    assert str(info.value) == (
        f"{tmp_path}/journal.log is not the journal of a search; give another --out"
    )
    assert (tmp_path / "journal.log").read_bytes() == content


def test_a_line_that_a_dead_process_left_unfinished_is_cut_off(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    study.add_trial(default_trial(ENTRIES, PARAMS, 0.8, {"folder": "0000"}))
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(b'{"op_code":6,"work')
    suggest(open_study(tmp_path, None).ask(), ENTRIES)
    again = open_study(tmp_path, None)
    assert [trial.value for trial in again.trials] == [0.8, None]
    assert not list(tmp_path.glob("*.lock"))


def test_a_damaged_last_line_is_told_and_nothing_is_written_behind_it(tmp_path: Path) -> None:
    open_study(tmp_path, None)
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(b"PKPK\n")
    before = (tmp_path / "journal.log").read_bytes()
    with pytest.raises(UsageError) as info:
        open_study(tmp_path, None)
    assert str(info.value) == (
        f"the search in {tmp_path}/journal.log cannot be opened: Expecting value: line 1 column 1 "
        "(char 0)"
    )
    assert (tmp_path / "journal.log").read_bytes() == before


def test_a_storage_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^the search in nonsense cannot be opened: "):
        open_study(tmp_path, "nonsense")


def test_without_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"^foveal search needs the extra 'search'"):
        open_study(tmp_path, None)


def leave_a_dead_trial(study: Study, trials: Path) -> FrozenTrial:
    """As a killed process leaves one: its lock file is there, and nobody holds it."""
    with contextlib.suppress(KeyboardInterrupt), asked_trial(study, trials, 0) as trial:
        suggest(trial, ENTRIES)
        trial.set_user_attr("folder", f"{trial.number:04d}")
        raise KeyboardInterrupt
    return study.trials[-1]


def test_trials_of_dead_processes_are_queued_again(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    dead = leave_a_dead_trial(study, tmp_path)
    study.ask()  # of another machine, whose folder has its lock
    with asked_trial(study, tmp_path, 0):
        assert release_dead_trials(study, tmp_path) == 1
        assert release_dead_trials(study, tmp_path) == 0
    assert [trial.state for trial in study.trials] == [
        TrialState.FAIL,
        TrialState.RUNNING,
        TrialState.RUNNING,
        TrialState.WAITING,
    ]
    with asked_trial(study, tmp_path, 0) as queued:
        assert queued.user_attrs["folder"] == "0000"
        assert suggest(queued, ENTRIES) == dead.params


def test_a_queued_trial_that_dies_at_once_keeps_its_values(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    dead = leave_a_dead_trial(study, tmp_path)
    assert release_dead_trials(study, tmp_path) == 1
    with contextlib.suppress(KeyboardInterrupt), asked_trial(study, tmp_path, 0):
        raise KeyboardInterrupt  # before it has taken its values
    assert release_dead_trials(study, tmp_path) == 1
    with asked_trial(study, tmp_path, 0) as queued:
        assert suggest(queued, ENTRIES) == dead.params


def test_a_trial_that_ends_while_others_are_looked_at_is_not_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(tmp_path, None)
    ending = leave_a_dead_trial(study, tmp_path)

    @contextlib.contextmanager
    def lock(file: Path) -> Iterator[bool]:
        if file.name == ".0000.lock":
            study.tell(ending.number, 0.5)  # by its own process, which releases the lock then
        with try_lock(file) as is_free:
            yield is_free

    monkeypatch.setattr(module, "try_lock", lock)
    assert release_dead_trials(study, tmp_path) == 0
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]


def test_trials_of_one_moment_differ(tmp_path: Path) -> None:
    studies = [open_study(tmp_path, None) for _ in range(3)]
    values = []
    for study in studies:
        with asked_trial(study, tmp_path, 2**32 - 1) as trial:
            values.append(suggest(trial, ENTRIES)["learning_rate"])
    assert len(set(values)) == 3


def test_val_is_reported_at_every_place_once(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    trial = study.ask()
    reported = 0
    for accuracy, progress in ((0.5, 0.05), (None, 0.2), (0.6, 0.31), (0.7, 0.39), (0.8, 1.0)):
        reported, prune = report_progress(trial, accuracy, progress, reported)
        assert not prune
    study.tell(trial, 0.8)
    places = study.trials[0].intermediate_values
    assert places == {1: 0.6, 2: 0.6, 3: 0.6, **dict.fromkeys(range(4, 11), 0.8)}


def test_the_first_trial_is_one_that_others_are_compared_with(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    curve: dict[int, float] = {}
    for accuracy, progress in ((0.8, 0.25), (0.9, 1.0)):
        curve.update(dict.fromkeys(new_places(progress, len(curve)), accuracy))
    for _ in range(4):
        study.add_trial(default_trial(ENTRIES, PARAMS, 0.9, {}, curve))
    assert study.trials[0].intermediate_values == {
        **dict.fromkeys((1, 2), 0.8),
        **dict.fromkeys(range(3, 11), 0.9),
    }
    assert report_progress(study.ask(), 0.85, 0.3, 0) == (3, True)
    assert report_progress(study.ask(), 0.95, 0.3, 0) == (3, False)


def test_a_trial_below_the_median_is_pruned_after_three_places(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    for _ in range(4):
        trial = study.ask()
        report_progress(trial, 0.9, 1.0, 0)
        study.tell(trial, 0.9)
    weak = study.ask()
    assert report_progress(weak, 0.1, 0.3, 0) == (3, True)
    early = study.ask()
    assert report_progress(early, 0.1, 0.2, 0) == (2, False)
    good = study.ask()
    assert report_progress(good, 0.95, 0.9, 0) == (9, False)


def test_optuna_is_the_one_this_was_written_for() -> None:
    assert optuna.__version__.startswith("5.")


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "", ".", "0001/..", 7, ["0001"]])
def test_a_folder_that_no_search_has_written(tmp_path: Path, name: object) -> None:
    (tmp_path / "search").mkdir()
    study = open_study(tmp_path / "search", None)
    suggest(study.ask(), ENTRIES)
    trial = study.ask()
    trial.set_user_attr("folder", name)
    with pytest.raises(UsageError) as info:
        run_folder(tmp_path / "search" / "trials", trial)
    assert str(info.value) == (
        f"trial 1 of the search in {tmp_path}/search names the folder '{name}', which no search "
        "has written; give another --out"
    )


def test_the_folder_of_a_trial_that_never_began(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    trial = study.ask()
    assert run_folder(tmp_path, trial) is None
    trial.set_user_attr("folder", "0012")
    assert run_folder(tmp_path, trial) == tmp_path / "0012"


@pytest.mark.parametrize(
    "space", [7, {"learning_rate": 7}, {"learning_rate": {"low": 2, "high": 1}}, {"size": {"x": 1}}]
)
def test_a_space_that_no_search_has_written(tmp_path: Path, space: object) -> None:
    study = open_study(tmp_path, None)
    study.set_user_attr("space", space)
    with pytest.raises(UsageError) as info:
        stored_space(study)
    assert str(info.value) == (
        "the space of the search 'foveal' is not one that a search has written; give another --out"
    )


def test_values_of_another_space_than_the_trials(tmp_path: Path) -> None:
    study = open_study(tmp_path, None)
    study.tell(study.ask(), 0.5)
    suggest(study.ask(), {"mixup_alpha": (0.0, 0.2)})
    with pytest.raises(UsageError) as info:
        suggest(study.ask(), {"mixup_alpha": (0.0, 0.3)})
    assert str(info.value) == (
        "the space of the search 'foveal' is not one that a search has written; give another --out"
    )


def test_a_journal_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.log")
    with pytest.raises(UsageError) as info:
        open_study(tmp_path, None)
    assert str(info.value) == (
        f"{tmp_path}/journal.log is not the journal of a search; give another --out"
    )
