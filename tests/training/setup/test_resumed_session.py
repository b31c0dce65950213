"""Runs that go on: a further cycle of the schedule, and lengths that are refused."""

import pytest

from foveal.errors import UsageError
from foveal.model.model import load_model
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.training import checkpoint
from foveal.training.events import StepRecord


def test_a_finished_run_is_extended_by_a_further_cycle(runs):
    runs.drive(runs.start(), "a")
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    assert len(list((runs.folder / "a" / CHECKPOINT_FOLDER).iterdir())) == 1
    rates = []

    def on_record(record):
        if isinstance(record, StepRecord):
            rates.append(record.learning_rate)

    session = runs.resume(newest, epochs=5.0)
    runs.drive(session, "a", on_record=on_record)
    assert len(rates) == 10
    assert rates[0] == pytest.approx(0.02 * max(rates))
    assert rates[2] == max(rates)
    assert rates[-1] < 0.2 * max(rates)
    manifest = load_model(runs.folder / "a" / "model.safetensors").manifest
    assert [line["epoch"] for line in manifest.history] == [1, 2, 3, 4, 5]
    assert manifest.recipe["epochs"] == 5.0


def test_a_further_cycle_sees_whole_images(runs):
    runs.drive(runs.start(progressive_resizing=0.5), "a")
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    assert runs.resume(newest).task.start_scale == 0.5
    assert runs.resume(newest, epochs=5.0).task.start_scale == 1.0


def test_fewer_epochs_than_done_are_refused(runs):
    runs.drive(runs.start(), "a")
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    with pytest.raises(UsageError) as caught:
        runs.resume(newest, epochs=2.0)
    assert str(caught.value) == (
        "this run has 3 epochs already; ask for more than that with --epochs, not 2"
    )
