"""The state of a run: steps undone, rolled back and packed."""

import pytest
import torch

from foveal.errors import TrainingError


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


def test_the_rollback_point_of_a_step_is_the_state_before_it(runs):
    state = runs.start().state
    saved = {name: value.clone() for name, value in state.tensors().items()}
    state.begin_step()
    state.module(torch.rand(4, 1, 8, 8))
    state.save_rollback_point()
    state.commit_step()
    assert not torch.equal(
        state.tensors()["module.batch_norm_1.running_mean"],
        saved["module.batch_norm_1.running_mean"],
    )
    state.roll_back()
    assert all(torch.equal(value, saved[name]) for name, value in state.tensors().items())


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


@pytest.mark.parametrize("prefix", ["module", "best", "rollback_point"])
@pytest.mark.parametrize("change", ["missing", "shape", "type"])
def test_other_tensors_are_refused(runs, prefix, change):
    state = runs.start().state
    state.save_rollback_point()
    state.best = dict(state.module.state_dict())
    position, tensors = state.pack()
    name = next(one for one in tensors if one.startswith(f"{prefix}.") and tensors[one].ndim > 1)
    value = tensors.pop(name)
    if change != "missing":
        tensors[name] = value.flatten() if change == "shape" else value.double()
    with pytest.raises(TrainingError) as caught:
        runs.start().state.unpack(position, tensors)
    assert str(caught.value) == (
        f"the checkpoint is not of this run: its tensor {name} is missing or of another shape; "
        "start a new run in another folder"
    )
