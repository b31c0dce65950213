"""What lies in the folder of a run while it trains and after it, and how often it is written."""

import json
import time

import numpy as np
import pytest

from foveal.errors import Error
from foveal.model.model import load_model
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.training import checkpoint
from foveal.training.events import EpochRecord, StepRecord
from foveal.training.run import outputs


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


def test_stopped_at_the_end_of_an_epoch_the_log_has_every_line_with_its_seconds(runs):
    def on_record(record):
        if isinstance(record, EpochRecord):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.drive(runs.start(), "a", on_record=on_record)
    session = runs.resume(checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER))
    assert len(session.state.position.epoch_seconds) == 1
    runs.drive(session, "a")
    lines = [
        json.loads(line) for line in (runs.folder / "a" / "log.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [5, 10, 15]


def test_the_model_file_exists_from_the_first_epoch_on(runs):
    seen = []

    def on_record(record):
        path = runs.folder / "a" / "model.safetensors"
        if isinstance(record, StepRecord) and path.exists():
            seen.append((record.step, load_model(path).manifest.finished))

    runs.drive(runs.start(), "a", on_record=on_record)
    assert seen[0] == (6, False)


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


def test_a_log_without_space_is_one_sentence_and_resumed_it_is_the_same_run(runs, monkeypatch):
    whole = runs.drive(runs.start(), "whole")
    newest = runs.stop_after(runs.start(), "a", 6)
    log = runs.folder / "a" / "log.jsonl"
    before = log.read_text()
    real = outputs.write_atomic

    def full(path, content):
        def write(part):
            part.write_text(content[:10])
            raise OSError(28, "No space left on device")

        return real(path, write)

    monkeypatch.setattr(outputs, "write_atomic", full)
    with pytest.raises(Error) as caught:
        runs.drive(runs.resume(newest), "a")
    monkeypatch.undo()
    assert str(caught.value) == (
        f"cannot write {log}: No space left on device; free space or choose another place"
    )
    assert log.read_text() == before
    newest = checkpoint.load_newest(runs.folder / "a" / CHECKPOINT_FOLDER)
    assert runs.drive(runs.resume(newest), "a") == whole
    assert len(log.read_text().splitlines()) == 3


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
