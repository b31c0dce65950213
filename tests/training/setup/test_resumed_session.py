"""Runs that go on: a further cycle of the schedule, and lengths that are refused."""

import math

import pytest
import torch

from foveal.errors import SpecError, UsageError
from foveal.model.model import load_model
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.training import checkpoint
from foveal.training.events import StepRecord
from foveal.training.setup.budget import Budget
from foveal.training.setup.resumed_session import resume_session


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


@pytest.mark.parametrize(
    ("epochs", "sentence"),
    [
        (math.nan, "epochs is nan: input should be a finite number"),
        (math.inf, "epochs is inf: input should be a finite number"),
        (200_000, "epochs is 200000.0: input should be less than or equal to 100000"),
    ],
)
def test_epochs_that_no_recipe_can_have_are_refused(runs, epochs, sentence):
    runs.drive(runs.start(), "a")
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    with pytest.raises(SpecError) as caught:
        runs.resume(newest, epochs=epochs)
    assert str(caught.value) == sentence


def test_stopped_after_its_last_step_a_run_is_extended_as_a_finished_one(runs):
    rates = []

    def on_record(record):
        if isinstance(record, StepRecord):
            rates.append(record.learning_rate)

    newest = runs.stop_after(runs.start(), "a", 15)
    session = runs.resume(newest, epochs=5.0)
    runs.drive(session, "a", on_record=on_record)
    assert len(rates) == 10
    assert rates[2] == max(rates) > 0.01
    assert [line["epoch"] for line in session.state.position.history] == [1, 2, 3, 4, 5]


def test_interrupted_after_it_stopped_early_a_run_is_extended_as_a_finished_one(runs):
    made = runs.start(epochs=40.0, early_stopping_epochs=3)
    steps = 0

    def on_record(record):
        nonlocal steps
        steps += isinstance(record, StepRecord)
        if made.state.position.epochs_without_improvement == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.drive(made, "a", on_record=on_record)
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    session = runs.resume(newest, epochs=60.0)
    assert session.state.position.cycle_start == steps
    runs.drive(session, "a")
    assert session.state.position.step > steps


def test_more_minutes_are_used_after_the_last_step_but_no_more_than_are_useful(runs):
    newest = runs.stop_after(runs.start(), "a", 15)
    with torch.random.fork_rng():
        session = resume_session(newest, runs.data, torch.device("cpu"), Budget(1e7), minutes=1e5)
    position = session.state.position
    assert (position.step, position.cycle_start) == (15, 15)
    assert position.cycle_end == session.plan["max_steps"] == 15 + 800 * 5
    assert session.timing.step_seconds > 0
    assert session.timing.val_image_seconds > 0


def test_without_time_for_a_step_a_run_ends_with_those_it_has(runs):
    newest = runs.stop_after(runs.start(), "a", 15)
    with torch.random.fork_rng():
        session = resume_session(newest, runs.data, torch.device("cpu"), Budget(0.0), minutes=1.0)
    assert session.state.position.is_over
    runs.drive(session, "a")
    assert session.state.position.finished
