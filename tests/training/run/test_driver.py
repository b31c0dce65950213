"""Whole runs: repeatable to the bit, stopped anywhere, extended, mended, within their budget."""

import json
import time

import numpy as np
import pytest

from foveal.errors import Error
from foveal.model.model import load_model
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.training import checkpoint, gradients, loop
from foveal.training import task as training_task
from foveal.training.events import EpochRecord, StepRecord
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

    monkeypatch.setattr(loop.validation, "predict_logits", interrupted)
    with pytest.raises(SystemExit):
        runs.drive(runs.start(), "stopped")
    monkeypatch.undo()
    newest = checkpoint.load_newest(runs.folder / "stopped" / CHECKPOINT_FOLDER)
    assert newest.metadata["position"]["needs_validation"] is True
    assert runs.drive(runs.resume(newest), "stopped") == whole


def test_the_folder_of_a_run(runs):
    kinds = []
    runs.drive(runs.start(epochs=2.5), "a", on_record=lambda record: kinds.append(type(record)))
    assert kinds.count(StepRecord) == 12
    assert kinds.count(EpochRecord) == 3
    lines = [
        json.loads(line) for line in (runs.folder / "a" / "log.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [5, 10, 12]
    assert all(line["seconds"] > 0 for line in lines)
    model = load_model(runs.folder / "a" / "model.safetensors")
    manifest = model.manifest
    assert manifest.finished
    assert "seconds" not in manifest.to_json()
    assert str(runs.folder) not in manifest.to_json()
    assert np.array_equal(model.train_hashes, np.arange(260, dtype=np.uint64))
    mean, std = manifest.network.preprocess.statistics(1)
    pixels = runs.data.train.pixels / 255
    assert mean[0] == pytest.approx(pixels.mean(), abs=1e-6)
    assert std[0] == pytest.approx(pixels.std(), abs=1e-6)


def test_the_model_file_exists_from_the_first_epoch_on(runs):
    seen = []

    def on_record(record):
        path = runs.folder / "a" / "model.safetensors"
        if isinstance(record, StepRecord) and path.exists():
            seen.append((record.step, load_model(path).manifest.finished))

    runs.drive(runs.start(), "a", on_record=on_record)
    assert seen[0] == (6, False)


def test_it_learns(runs):
    session = runs.start(epochs=25.0)
    runs.drive(session, "a")
    assert session.state.position.final_scores["val_accuracy"] >= 0.85
    assert session.state.position.history[-1]["train_loss"] < 1.0


def test_a_full_disk_is_one_sentence_and_the_last_state_stays(runs, monkeypatch):
    whole = runs.drive(runs.start(), "whole")
    newest = runs.stop_after(runs.start(), "a", 6)
    real = checkpoint.write_atomic

    def full(path, content):
        def write(part):
            part.write_bytes(content[:100])
            raise OSError(28, "No space left on device")

        return real(path, write)

    monkeypatch.setattr(checkpoint, "write_atomic", full)
    with pytest.raises(Error) as caught:
        runs.drive(runs.resume(newest), "a")
    monkeypatch.undo()
    assert str(caught.value).endswith(
        ".safetensors: No space left on device; free space or choose another place"
    )
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    assert newest.step == 6
    assert runs.drive(runs.resume(newest), "a") == whole


def test_checkpoints_take_a_hundredth_of_the_time(runs, monkeypatch):
    clock, written = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    real = checkpoint.save_checkpoint

    def slow(*args):
        real(*args)
        clock[0] += 0.3
        written.append(clock[0])

    def on_record(_record):
        clock[0] += 0.9

    monkeypatch.setattr(checkpoint, "save_checkpoint", slow)
    runs.drive(runs.start(epochs=40.0), "a", on_record=on_record)
    first, *later, last = written
    assert first == pytest.approx(0.9 + 0.3)
    assert [b - a for a, b in zip([first, *later], later, strict=False)] == pytest.approx(
        [30.6 + 0.3] * len(later), abs=0.9
    )
    assert len(later) == 7
    assert last == clock[0]
