"""The position of a run in its schedule."""

import pytest

from foveal.training.position import RunPosition


def test_progress_runs_from_zero_to_one_and_over_again():
    position = RunPosition()
    position.begin_cycle(10)
    assert position.progress == 0.0
    position.step = 10
    assert position.progress == 1.0
    position.finished, position.epochs_without_improvement = True, 3
    position.begin_cycle(5)
    assert (position.progress, position.cycle_end) == (0.0, 15)
    assert (position.finished, position.epochs_without_improvement) == (False, 0)


def test_progress_continues_where_the_cycle_is_changed():
    position = RunPosition()
    position.begin_cycle(100)
    position.step = 40
    position.set_remaining_steps(20)
    assert position.progress == pytest.approx(0.4)
    assert position.cycle_end == 60
    position.step = 50
    assert position.progress == pytest.approx(0.7)
    position.step = 60
    assert position.progress == pytest.approx(1.0)


def test_a_cycle_has_at_least_one_step_left_and_can_be_ended():
    position = RunPosition()
    position.begin_cycle(100)
    position.step = 7
    position.set_remaining_steps(0)
    assert position.cycle_end == 8
    position.end_cycle()
    assert position.cycle_end == 7


def test_where_a_cycle_is_ended_the_schedule_stays():
    position = RunPosition()
    position.begin_cycle(100)
    position.step = 7
    for _ in range(2):
        position.end_cycle()
        assert (position.cycle_end, position.progress) == (7, pytest.approx(0.07))


def test_another_length_goes_on_from_where_the_schedule_is():
    position = RunPosition(cycle_steps=100)
    position.step = 50
    position.set_remaining_steps(10)
    assert position.progress == pytest.approx(0.5)
    position.step = 55
    assert position.progress == pytest.approx(0.75)
    assert position.cycle_end == 60
    position.step = 60
    assert position.progress == pytest.approx(1.0)
