"""A whole run: killed before its first step, its budget, exactness and memory."""

import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from foveal.progress import Progress
from foveal.training.run import driver, execute
from foveal.verbs import train as verb
from foveal.verbs.train import train


def test_killed_before_the_first_step_it_is_resumed_as_it_was_asked(
    digits, tiny_network, tmp_path, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    arguments = {"network": tiny_network, "epochs": 2, "seed": 3}
    train(digits, out=tmp_path / "whole", **arguments)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(driver, "train", killed)
        train(digits, out=tmp_path / "killed", **arguments)
    train(digits, out=tmp_path / "killed", resume=True)
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert resumed.read_bytes() == whole.read_bytes()


def test_training_is_exact_and_keeps_memory(digits, tiny_network, tmp_path, monkeypatch):
    inside, seen = [], set()

    @contextmanager
    def keeping():
        inside.append(True)
        yield
        inside.clear()

    class Modes(Progress):
        def message(self, text):
            seen.add((bool(inside), torch.get_deterministic_debug_mode()))

    monkeypatch.setattr(execute, "retain_freed_memory", keeping)
    train(
        digits,
        network=tiny_network,
        epochs=1,
        out=tmp_path / "run",
        device="cpu",
        progress=Modes(),
    )
    assert seen == {(True, 1)}
    assert (inside, torch.get_deterministic_debug_mode()) == ([], 0)


def test_a_budget_covers_the_whole_command(digits, tiny_network, tmp_path, monkeypatch):
    """Ten minutes that began an hour ago leave time for no more than one step."""
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() - 3600)
    monkeypatch.setattr(verb, "time", clock)
    run = train(digits, network=tiny_network, minutes=10, out=tmp_path / "run")
    assert [line["step"] for line in run.history] == [1]
    assert run.report_path is not None
