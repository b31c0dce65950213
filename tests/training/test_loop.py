"""A loss that is not finite, memory or patience that runs out: the loop goes on or says why."""

import numpy as np
import pytest
import torch

from foveal.errors import TrainingError
from foveal.training import loop
from foveal.training.events import Recovery, StepRecord


def _poisoned(monkeypatch, steps):
    real = loop.loss_of
    calls = []

    def poisoned(*args, **keys):
        calls.append(1)
        value = real(*args, **keys)
        return value * float("nan") if len(calls) in steps else value

    monkeypatch.setattr(loop, "loss_of", poisoned)


def test_one_loss_that_is_not_finite_is_skipped(runs, monkeypatch):
    _poisoned(monkeypatch, {4})
    told = []
    made = runs.fresh()
    runs.drive(made, "a", tell=told.append)
    assert told == ["step 4: the loss is nan, so this step was skipped"]
    assert made.training.position.lr_scale == 1.0
    assert all(value.isfinite().all() for value in made.training.best.values())


def test_three_in_a_row_roll_back_at_half_the_rate(runs, monkeypatch):
    _poisoned(monkeypatch, {7, 8, 9})
    troubles, made = [], runs.fresh()

    def watch(record):
        if isinstance(record, Recovery):
            troubles.append(record)

    runs.drive(made, "a", watch=watch)
    assert [trouble.step for trouble in troubles] == [7, 8, 9]
    assert troubles[-1].message == (
        "step 9: 3 losses in a row were not finite, so the weights went back to the last good "
        "ones and the learning rate is halved"
    )
    assert made.training.position.lr_scale == 0.5


def test_rolling_back_after_a_resume_is_the_same(runs, monkeypatch):
    _poisoned(monkeypatch, {8, 9, 10})
    whole = runs.drive(runs.fresh(), "whole")
    monkeypatch.undo()
    found = runs.stopped(runs.fresh(), "stopped", 7)
    _poisoned(monkeypatch, {1, 2, 3})
    assert runs.drive(runs.resumed(found), "stopped") == whole


def test_a_loss_that_never_is_finite_ends_in_one_sentence(runs, monkeypatch):
    _poisoned(monkeypatch, set(range(1, 1000)))
    with pytest.raises(TrainingError) as caught:
        made = runs.fresh(epochs=10.0, learning_rate=0.1, schedule="constant", warmup=0.0)
        runs.drive(made, "a")
    assert str(caught.value) == (
        "the loss is nan at steps 13 to 15 even at a learning rate of 0.00625; the last good "
        "state is kept: look at the data with foveal check, or start again with a smaller "
        "--set learning_rate"
    )


def test_out_of_memory_halves_the_parts_and_keeps_the_batch(runs, monkeypatch):
    real = loop.loss_of

    def full(logits, *rest, **keys):
        if len(logits) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(logits, *rest, **keys)

    monkeypatch.setattr(loop, "loss_of", full)
    made = runs.fresh()
    seen = []
    runs.drive(made, "a", watch=lambda r: isinstance(r, StepRecord) and seen.append(r.images))
    assert made.training.position.accumulation_steps == 4
    assert set(seen) == {40}


def test_micro_batches_give_the_gradient_of_the_batch(runs):
    from foveal.spec.layers import Conv, Flatten, Output, Relu
    from foveal.spec.network import Network

    network = Network.model_validate(
        {
            "input": {"height": 8, "width": 8, "channels": 1},
            "layers": [Conv(4), Relu(), Flatten(), Output()],
        }
    )
    gradients = []
    for micro in (1, 4):
        made = runs.fresh(network=network, precision="fp32")
        made.training.position.accumulation_steps = micro
        images, target = loop.prepare_batch(made.task, np.arange(40), 0, 0.0)
        loop._gradients(made.training, made.task, made.training.module, images, target)
        gradients.append([p.grad.clone() for p in made.training.module.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_early_stopping_ends_the_run(runs):
    made = runs.fresh(epochs=40.0, early_stopping_epochs=3)
    runs.drive(made, "a")
    assert made.training.position.step < made.training.position.cycle_end
    assert made.training.position.epochs_without_improvement == 3
