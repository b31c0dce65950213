"""A loss that is not finite, or no improvement: the loop continues, stops or says why."""

import pytest

from foveal.errors import TrainingError
from foveal.training import gradients
from foveal.training.events import Recovery
from foveal.training.optimizers import optim


def _poisoned(monkeypatch, steps):
    real = gradients.classification_loss
    calls = []

    def poisoned(*args, **keys):
        calls.append(1)
        loss = real(*args, **keys)
        return loss * float("nan") if len(calls) in steps else loss

    monkeypatch.setattr(gradients, "classification_loss", poisoned)


def test_one_loss_that_is_not_finite_is_skipped(runs, messages, monkeypatch):
    _poisoned(monkeypatch, {4})
    made = runs.start()
    runs.drive(made, "a", progress=messages)
    assert messages.texts == ["step 4: the loss is nan; this step was skipped"]
    assert made.state.position.lr_scale == 1.0
    assert all(value.isfinite().all() for value in made.state.best.values())


def test_three_in_a_row_roll_back_at_half_the_rate(runs, monkeypatch):
    _poisoned(monkeypatch, {7, 8, 9})
    recoveries, made = [], runs.start()

    def watch(record):
        if isinstance(record, Recovery):
            recoveries.append(record)

    runs.drive(made, "a", on_record=watch)
    assert [recovery.step for recovery in recoveries] == [7, 8, 9]
    assert recoveries[-1].message == (
        "step 9: 3 losses in a row were not finite; the weights were rolled back to the last good "
        "ones and the learning rate was halved"
    )
    assert made.state.position.lr_scale == 0.5


@pytest.mark.parametrize("steps_per_epoch", [1, 2])
def test_weights_broken_at_the_end_of_an_epoch_are_not_what_is_rolled_back_to(
    runs, monkeypatch, steps_per_epoch
):
    made = runs.start(epochs=12 / steps_per_epoch, batch_size=200 // steps_per_epoch)
    real, recoveries = optim.step, []

    def broken(*args):
        real(*args)
        if made.state.position.step == 3:
            made.state.module.get_parameter("conv_1.weight").data.fill_(float("nan"))

    def watch(record):
        if isinstance(record, Recovery):
            recoveries.append(record.step)

    monkeypatch.setattr(optim, "step", broken)
    runs.drive(made, "a", on_record=watch)
    assert recoveries == [5, 6, 7]
    assert made.state.position.lr_scale == 0.5
    assert all(value.isfinite().all() for value in made.state.module.state_dict().values())


def test_rolling_back_after_a_resume_is_the_same(runs, monkeypatch):
    _poisoned(monkeypatch, {8, 9, 10})
    whole = runs.drive(runs.start(), "whole")
    monkeypatch.undo()
    found = runs.stop_after(runs.start(), "stopped", 7)
    _poisoned(monkeypatch, {1, 2, 3})
    assert runs.drive(runs.resume(found), "stopped") == whole


def test_a_loss_that_never_is_finite_ends_in_one_sentence(runs, monkeypatch):
    _poisoned(monkeypatch, set(range(1, 1000)))
    with pytest.raises(TrainingError) as caught:
        made = runs.start(epochs=10.0, learning_rate=0.1, schedule="constant", warmup=0.0)
        runs.drive(made, "a")
    assert str(caught.value) == (
        "the loss is nan at steps 13 to 15 even at a learning rate of 0.00625: look at the data "
        "with foveal check, or start again with a smaller --set learning_rate"
    )


def test_early_stopping_ends_the_run(runs):
    made = runs.start(epochs=40.0, early_stopping_epochs=3)
    runs.drive(made, "a")
    assert made.state.position.step == made.state.position.cycle_end < 200
    assert made.state.position.epochs_without_improvement == 3
