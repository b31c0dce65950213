"""The length of a run that is changed while it goes on, by the numbers of its checkpoint."""

from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.studio.runs.length import check_length, length_so_far
from foveal.studio.runs.request import RunRequest
from foveal.studio.runs.snapshot import Snapshot
from foveal.studio.runs.status import run_status


def snapshot(minutes, **position):
    plan = {"minutes": minutes, "recipe": {"epochs": 10}}
    return Snapshot(Path("x"), (0, 0), plan, position)


def test_what_is_used_is_a_little_more_than_the_steps_that_are_complete():
    steps = {"cycle_start": 0, "cycle_steps": 100}
    assert length_so_far(snapshot(2.0, elapsed_seconds=90)) == {"minutes": 1.5, "epochs": None}
    assert length_so_far(snapshot(None, step=40, **steps)) == {"minutes": None, "epochs": 4.15}
    assert length_so_far(snapshot(None, step=99, **steps)) == {"minutes": None, "epochs": 10.0}


@pytest.mark.parametrize(
    ("started_with", "minutes", "epochs", "sentence"),
    [
        (1.0, None, None, "give the minutes or the epochs that the run is to have in all"),
        (1.0, 1.0, 2.0, "give the minutes or the epochs that the run is to have in all"),
        (1.0, None, 9.0, "this run was started with minutes; give it more minutes"),
        (None, 9.0, None, "this run was started with epochs; give it more epochs"),
        (1.0, 1.5, None, "this run has used 1.5 minutes already; ask for more than that"),
        (None, None, 0.0, "this run has 0 epochs already; ask for more than that"),
    ],
)
def test_lengths_that_are_refused(tmp_path, started_with, minutes, epochs, sentence):
    found = snapshot(started_with, elapsed_seconds=90)
    with pytest.raises(UsageError) as raised:
        check_length(run_status(tmp_path, RunRequest(), found, alive=False), found, minutes, epochs)
    assert str(raised.value) == sentence


def test_a_run_without_a_step_takes_any_length(tmp_path):
    check_length(run_status(tmp_path, RunRequest(), None, alive=False), None, 0.1, None)
