"""The live files of a run: what they say, that they change no bit, and what they leave out."""

import json
import math
from functools import partial

import numpy as np
import pytest

from foveal.rundir import STEPS_FILE, VAL_ERRORS_FILE
from foveal.training.events import EpochRecord, StepRecord
from foveal.training.run import live
from foveal.training.setup.budget import Budget


def _lines(folder):
    return [json.loads(line) for line in (folder / STEPS_FILE).read_text().splitlines()]


def test_the_model_file_is_the_same_with_and_without(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "MIN_PAUSE_SECONDS", 0.0)
    plain = runs.drive(runs.start(), "plain")
    (tmp_path / "live").mkdir()
    writer = live.LiveFiles(tmp_path / "live")
    watched = runs.drive(runs.start(), "live", on_state=writer.write)
    assert watched == plain
    lines = _lines(tmp_path / "live")
    assert lines[-1]["step"] == lines[-1]["steps"] == 15
    assert [line["epoch"] for line in lines] == sorted(line["epoch"] for line in lines)
    assert all(line["images_per_second"] > 0 and line["seconds_left"] > 0 for line in lines)


def test_a_line_holds_the_means_since_the_line_before(runs, tmp_path):
    session = runs.start()
    context = runs.context(session, "run")
    session.state.position.step = 3
    writer = live.LiveFiles(tmp_path, written_at=math.inf)
    write = partial(writer.write, state=session.state, task=session.task, context=context)
    write(StepRecord(1, 1, 40, 2.0, 0.25, 0.1, 0.5))
    write(StepRecord(2, 1, 20, 1.0, 0.50, 0.1, 0.5))
    assert not (tmp_path / STEPS_FILE).exists()
    writer.written_at = -math.inf
    write(StepRecord(3, 1, 20, 1.0, 1.0, 0.1, 0.5))
    (line,) = _lines(tmp_path)
    assert line["loss"] == pytest.approx((40 * 2 + 20 + 20) / 80)
    assert line["accuracy"] == pytest.approx((10 + 10 + 20) / 80)
    assert line["images_per_second"] == pytest.approx(80 / 1.5)
    validation = 0.5 / 3 * 60 / 40  # 60 images of val in batches of 40
    left = 12 * 0.5 + 3 * validation + 1.5 + 2 * validation
    assert line["seconds_left"] == pytest.approx(left, abs=0.01)


def test_the_time_left_is_never_more_than_the_budget(runs, tmp_path):
    session = runs.start()
    context = runs.context(session, "run", budget=Budget(2.0))
    writer = live.LiveFiles(tmp_path)
    record = StepRecord(3, 1, 20, 1.0, 1.0, 0.1, 0.5)
    writer.write(record, session.state, session.task, context)
    assert 1.0 < _lines(tmp_path)[0]["seconds_left"] <= 2.0


def test_the_seconds_of_a_validation_are_measured(runs, tmp_path):
    session = runs.start()
    context = runs.context(session, "run")
    writer = live.LiveFiles(tmp_path)
    writer.write(StepRecord(1, 1, 20, 1.0, 1.0, 0.1, 0.25), session.state, session.task, context)
    epoch = EpochRecord(1, 1, 0.1, 1.0, 1.0, 1.0, 0.5, True, 1.0)
    writer.write(epoch, session.state, session.task, context)
    assert list(writer.validations) == [pytest.approx(0.75)]
    assert not (tmp_path / VAL_ERRORS_FILE).exists()


def test_logits_that_are_not_finite_leave_the_errors_of_the_epoch_before(runs, tmp_path):
    session = runs.start()
    context = runs.context(session, "run")
    writer = live.LiveFiles(tmp_path)
    for epoch, value in ((1, 0.0), (2, math.nan)):
        session.state.val_logits = np.full((60, 10), value, np.float32)
        record = EpochRecord(epoch, 5 * epoch, 0.1, 1.0, 1.0, None, 0.1, False, 1.0)
        writer.write(record, session.state, session.task, context)
    assert json.loads((tmp_path / VAL_ERRORS_FILE).read_text())["epoch"] == 1


def test_wrong_predictions_as_a_plain_loop_finds_them():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(50, 4)).astype(np.float32)
    labels = rng.integers(0, 4, 50)
    found = live.val_errors(logits, labels)
    expected = []
    for row in range(50):
        powers = [math.exp(value) for value in logits[row]]
        best = powers.index(max(powers))
        if best != labels[row]:
            expected.append((row, best, max(powers) / sum(powers)))
    expected.sort(key=lambda item: -item[2])
    assert found["images"] == 50
    assert found["wrong"] == len(expected)
    assert [(one["row"], one["predicted"]) for one in found["errors"]] == [
        (row, [best]) for row, best, _ in expected
    ]
    assert [one["probability"] for one in found["errors"]] == pytest.approx(
        [p for *_, p in expected], abs=1e-4
    )


def test_wrong_predictions_of_one_unit_and_of_several_labels():
    single = live.val_errors(np.array([[2.0], [-2.0], [-1.0]], np.float32), np.array([1, 0, 1]))
    assert single["errors"] == [{"row": 2, "predicted": [0], "probability": 0.7311}]
    logits = np.array([[3.0, -3.0], [1.0, 2.0]], np.float32)
    multi = live.val_errors(logits, np.array([[1, 0], [1, 0]]))
    assert multi["errors"] == [{"row": 1, "predicted": [0, 1], "probability": 0.7311}]


def test_the_file_says_whether_it_is_of_the_finished_model(tmp_path):
    logits, labels = np.array([[0.0, 1.0], [2.0, 0.0]], np.float32), np.zeros(2, np.int64)
    live.write_val_errors(tmp_path, 3, logits, labels)
    found = json.loads((tmp_path / VAL_ERRORS_FILE).read_text())
    assert found == {"epoch": 3, "finished": False, **live.val_errors(logits, labels)}
    live.write_val_errors(tmp_path, 2, logits, labels, finished=True)
    again = json.loads((tmp_path / VAL_ERRORS_FILE).read_text())
    assert again == {**found, "epoch": 2, "finished": True}


def test_only_the_surest_errors_are_listed(monkeypatch):
    monkeypatch.setattr(live, "MAX_VAL_ERRORS", 2)
    logits = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]], np.float32)
    found = live.val_errors(logits, np.zeros(3, np.int64))
    assert found["wrong"] == 3
    assert [one["row"] for one in found["errors"]] == [1, 2]
