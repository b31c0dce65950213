"""Whole runs: repeatable to the bit, stopped anywhere and resumed."""

import pytest

from foveal.rundir import CHECKPOINT_FOLDER
from foveal.training import checkpoint, gradients, loop, validation
from foveal.training import task as training_task
from foveal.training.run import driver

VARIANTS = [
    {},
    {"optimizer": "sgd", "ema_decay": 0.0},
    {"optimizer": "adamw", "mixup_alpha": 0.4, "rotation_degrees": 10.0, "random_erasing": 0.2},
    {"optimizer": "muon", "class_balance": "sampling", "schedule": "trapezoid", "warmup": 0.1},
]


def test_two_fresh_runs_give_the_same_file(runs):
    assert runs.drive(runs.start(), "a") == runs.drive(runs.start(), "b")


def test_another_seed_gives_another_file(runs):
    assert runs.drive(runs.start(), "a") != runs.drive(runs.start(seed=1), "b")


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_stopped_at_any_step_and_resumed_it_is_the_same_file(runs, keys):
    whole = runs.drive(runs.start(**keys), "whole")
    for step in (1, 4, 5, 6, 13, 15):
        name = f"stopped-{step}"
        newest = runs.stop_after(runs.start(**keys), name, step)
        assert newest.step == step
        assert runs.drive(runs.resume(newest), name) == whole


def test_stopped_again_and_again(runs):
    whole = runs.drive(runs.start(), "whole")
    session = runs.start()
    for step in range(2, 15, 3):
        session = runs.resume(runs.stop_after(session, "often", step, SystemExit))
    assert runs.drive(session, "often") == whole


@pytest.mark.parametrize(
    ("module", "name"),
    [(loop, "prepare_batch"), (gradients, "classification_loss"), (training_task, "augment")],
)
def test_a_signal_in_the_middle_of_a_step_takes_it_back(runs, monkeypatch, module, name):
    whole = runs.drive(runs.start(), "whole")
    real, calls = getattr(module, name), []

    def interrupted(*args, **keys):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*args, **keys)

    monkeypatch.setattr(module, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.drive(runs.start(), "stopped")
    monkeypatch.undo()
    newest = checkpoint.load_newest(runs.folder / "stopped" / CHECKPOINT_FOLDER)
    assert newest.step == 6
    assert runs.drive(runs.resume(newest), "stopped") == whole


def test_a_new_run_is_saved_before_it_is_shared_with_other_processes(runs, messages, monkeypatch):
    """Ctrl-C is likely there: the others decode the images meanwhile."""
    whole = runs.drive(runs.start(), "whole")
    folder = runs.folder / "stopped" / CHECKPOINT_FOLDER

    def interrupted(*_):
        assert checkpoint.load_newest(folder).step == 0
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "share_session", interrupted)
    session = runs.start()
    context = runs.context(session, "stopped", progress=messages)
    with pytest.raises(KeyboardInterrupt):
        driver.drive(session.state, session.task, context, new=True)
    monkeypatch.undo()
    assert messages.texts == ["saved after step 0; continue with --resume"]
    assert runs.drive(runs.resume(checkpoint.load_newest(folder)), "stopped") == whole


def test_a_signal_during_validation_is_not_lost(runs, monkeypatch):
    whole = runs.drive(runs.start(), "whole")

    def interrupted(*args, **keys):
        raise SystemExit(143)

    monkeypatch.setattr(validation, "predict_logits", interrupted)
    with pytest.raises(SystemExit):
        runs.drive(runs.start(), "stopped")
    monkeypatch.undo()
    newest = checkpoint.load_newest(runs.folder / "stopped" / CHECKPOINT_FOLDER)
    assert newest.metadata["position"]["needs_validation"] is True
    assert runs.drive(runs.resume(newest), "stopped") == whole


def test_it_learns(runs):
    session = runs.start(epochs=25.0)
    runs.drive(session, "a")
    assert session.state.position.final_scores["val_accuracy"] >= 0.85
    assert session.state.position.history[-1]["train_loss"] < 1.0
