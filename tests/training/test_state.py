"""The state of a run: its position in the schedule, steps undone, rolled back and packed."""

import pytest
import torch

from foveal.training.state import RunPosition


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


def _buffers(state):
    return {name: value.clone() for name, value in state.module.named_buffers()}


def test_an_undone_step_restores_the_buffers_and_a_committed_one_keeps_them(runs):
    state = runs.start().state
    before = _buffers(state)
    state.begin_step()
    state.module(torch.rand(4, 1, 8, 8))
    state.undo_step()
    assert all(torch.equal(value, before[name]) for name, value in _buffers(state).items())
    state.begin_step()
    state.module(torch.rand(4, 1, 8, 8))
    state.commit_step()
    moved = _buffers(state)
    state.undo_step()
    assert all(torch.equal(value, moved[name]) for name, value in _buffers(state).items())
    assert not all(torch.equal(value, before[name]) for name, value in moved.items())


def test_a_rollback_restores_all_tensors_at_half_the_learning_rate(runs):
    state = runs.start().state
    state.save_rollback_point()
    saved = {name: value.clone() for name, value in state.tensors().items()}
    with torch.no_grad():
        for value in state.tensors().values():
            value.add_(1)
    state.position.consecutive_skipped_steps = 3
    state.roll_back()
    assert all(torch.equal(value, saved[name]) for name, value in state.tensors().items())
    assert (state.position.lr_scale, state.position.rollbacks) == (0.5, 1)
    assert state.position.consecutive_skipped_steps == 0


def test_what_is_packed_is_unpacked_to_the_bit(runs):
    state = runs.start().state
    state.save_rollback_point()
    state.position.step = 3
    position, tensors = state.pack()
    tensors = {name: value.clone() for name, value in tensors.items()}
    other = runs.start(seed=1).state
    other.unpack(position, tensors)
    assert other.position == state.position
    assert all(torch.equal(value, tensors[name]) for name, value in other.pack()[1].items())
