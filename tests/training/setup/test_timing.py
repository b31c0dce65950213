"""A few steps timed before a run: the state is the one before, to the bit."""

import math

import torch

from foveal.training import gradients, loop
from foveal.training.setup import timing
from foveal.training.setup.timing import Timing, choose_precision, time_start, time_steps


def test_the_state_is_restored_to_the_bit(runs):
    session = runs.start()
    state = session.state
    position, tensors = state.pack()
    saved = {name: value.clone() for name, value in tensors.items()}
    measured = time_steps(state, session.task, 60.0)
    assert measured.step_seconds > 0
    assert measured.val_image_seconds > 0
    assert measured.memory_bytes > 2**20
    assert measured.final_image_seconds > 0
    assert time_steps(state, session.task, math.inf).final_image_seconds is None
    after, now = state.pack()
    assert after == position
    assert all(torch.equal(value, now[name]) for name, value in saved.items())


def test_a_step_whose_loss_is_not_finite_is_not_the_only_one(runs, monkeypatch):
    real, calls = gradients.classification_loss, []

    def poisoned(*args):
        calls.append(1)
        return real(*args) * (float("nan") if len(calls) == 1 else 1)

    monkeypatch.setattr(gradients, "classification_loss", poisoned)
    session = runs.start()
    assert time_steps(session.state, session.task, 0.0).step_seconds > 0
    assert len(calls) == 2


def test_timed_steps_change_nothing_of_the_run(runs):
    whole = runs.drive(runs.start(), "plain")
    session = runs.start()
    time_steps(session.state, session.task, 60.0)
    assert runs.drive(session, "timed") == whole


def test_the_smallest_images_are_timed_as_the_run_starts_with_them(runs, wide, monkeypatch):
    session = runs.start(network=wide, epochs=80.0, progressive_resizing=0.5)
    sizes = []
    prepare = loop.prepare_batch

    def seen(*batch):
        images, target = prepare(*batch)
        sizes.append(tuple(images.shape[2:]))
        return images, target

    monkeypatch.setattr(loop, "prepare_batch", seen)
    height, width = session.task.image_size
    time_steps(session.state, session.task, 60.0)
    assert set(sizes) == {(height, width)}
    sizes.clear()
    timing = time_start(session.state, session.task, Timing(1e-9, 0.5, 7), 60.0)
    assert set(sizes) == {(height // 2, width // 2)}
    assert timing == Timing(1e-9, 0.5, 7, 1.0)  # never above that of whole images
    timing = time_start(session.state, session.task, Timing(1e9, 0.5, 7), 60.0)
    assert 0 < timing.start_cost < 1e-6


def test_the_faster_precision_is_taken(runs, monkeypatch):
    session = runs.start()

    def fake(state, task, seconds):
        return Timing(0.002 if task.recipe.precision == "bf16" else 0.003, 0.0, 0)

    monkeypatch.setattr(timing, "time_steps", fake)
    task, measured, reason = choose_precision(session.state, session.task, 60.0)
    assert (task.recipe.precision, measured.step_seconds) == ("bf16", 0.002)
    assert reason == "measured here: fp32 3 ms a step, bf16 2 ms a step"
