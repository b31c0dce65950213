"""A run ends with its time, whatever the machine does, and is no longer than was asked."""

import time

import pytest

from foveal.training import progressive_resizing
from foveal.training import task as training_task
from foveal.training.events import StepRecord
from foveal.training.run.cycle import adjust_cycle
from foveal.training.run.driver import handle_record
from foveal.training.setup.budget import Budget, finish_seconds
from foveal.training.setup.timing import Timing


class Clock:
    """Stands still but for the seconds of each training step."""

    def __init__(self, monkeypatch, step_seconds):
        self.seconds, self.step_seconds = 0.0, step_seconds
        real = training_task.augment

        def augment(*args):
            self.seconds += self.step_seconds
            return real(*args)

        monkeypatch.setattr(training_task, "augment", augment)
        for name in ("monotonic", "perf_counter"):
            monkeypatch.setattr(time, name, lambda: self.seconds)


def _rates(runs, session):
    """The learning rates of the steps of a whole run."""
    steps = []
    runs.drive(session, "a", on_record=steps.append)
    return [record.learning_rate for record in steps if isinstance(record, StepRecord)]


def test_a_budget_is_kept_and_used(runs, monkeypatch):
    Clock(monkeypatch, step_seconds=0.02)
    budget = Budget(4.0, started_at=0.0)
    session = runs.start(budget=budget, optimizer="adamw", epochs=100_000.0)
    planned = session.state.position.cycle_steps
    rates = _rates(runs, session)
    assert session.state.position.finished
    assert planned <= len(rates) <= 1.05 * planned
    assert 0.5 * 4.0 <= budget.used() <= 4.0


def test_a_machine_that_becomes_slower_shortens_the_cycle(runs, monkeypatch):
    clock = Clock(monkeypatch, step_seconds=0.01)
    budget = Budget(4.0, started_at=0.0)
    session = runs.start(budget=budget, epochs=100_000.0)
    planned = session.state.position.cycle_steps
    clock.step_seconds = 0.06
    rates = _rates(runs, session)
    assert budget.used() <= 4.0
    assert len(rates) < planned / 4
    assert rates[-1] < 0.3 * max(rates)


def test_trial_steps_in_a_slow_moment_do_not_ruin_the_plan(runs, monkeypatch):
    clock = Clock(monkeypatch, step_seconds=0.12)
    budget = Budget(6.0, started_at=0.0)
    session = runs.start(budget=budget, epochs=100_000.0)
    planned = session.state.position.cycle_steps
    clock.step_seconds = 0.02
    rates = _rates(runs, session)
    assert len(rates) > 4 * planned
    assert budget.used() <= 6.0
    assert rates[-1] < 0.2 * max(rates)


@pytest.mark.parametrize(("start_cost", "mean_cost"), [(None, 0.72), (0.8, 0.925)])
def test_a_plan_of_growing_images_holds(runs, wide, monkeypatch, start_cost, mean_cost):
    """Steps that cost as much as they should leave the cycle as it was planned."""
    session = runs.start(network=wide, epochs=80.0, progressive_resizing=0.5)
    task, position, clock = session.task, session.state.position, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    timing = Timing(0.1, 0.0, 0, start_cost)
    work = progressive_resizing.mean_relative_cost(task.image_size, 0.5, 0.0, start_cost)
    assert work == pytest.approx(mean_cost, abs=0.02)
    budget = Budget(
        (position.cycle_steps * 0.1 * work + finish_seconds(timing, 0)) / 0.95, started_at=0.0
    )
    context = runs.context(session, "a", budget=budget, timing=timing, max_steps=10**6)
    planned = position.cycle_steps
    while position.step < position.cycle_end:
        seconds = 0.1 * progressive_resizing.relative_cost(
            task.image_size, 0.5, position.progress, start_cost
        )
        clock[0] += seconds
        position.step += 1
        handle_record(
            StepRecord(position.step, 1, 40, 1.0, 0.5, 0.1, seconds), session.state, task, context
        )
        adjust_cycle(session.state, task, context)
    assert planned <= position.cycle_steps <= 1.06 * planned
    assert clock[0] + finish_seconds(timing, 0) <= budget.seconds


def test_a_cycle_is_made_no_longer_than_was_asked(runs, monkeypatch):
    """There would be time for fifteen times as many steps."""
    Clock(monkeypatch, step_seconds=0.01)
    session = runs.start(budget=Budget(10.0, started_at=0.0), epochs=10.0)
    assert len(_rates(runs, session)) == 10 * session.task.steps_per_epoch
