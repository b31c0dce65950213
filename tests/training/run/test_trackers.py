"""Experiment trackers: which there are, and the numbers of an epoch."""

import pytest

from foveal.errors import MissingExtra, UsageError
from foveal.training.events import EpochRecord
from foveal.training.run import trackers


def test_unknown_and_missing_trackers_are_refused(monkeypatch):
    with pytest.raises(UsageError) as caught:
        trackers.check_trackers(["wandb"])
    assert (
        str(caught.value) == "there is no tracker 'wandb'; allowed are tensorboard, mlflow, steps"
    )
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra):
        trackers.check_trackers(["mlflow"])
    trackers.check_trackers([])


def test_the_numbers_of_an_epoch():
    record = EpochRecord(2, 10, 0.1, 0.5, 0.9, None, None, True, 1.5)
    assert trackers.epoch_metrics(record) == {
        "learning_rate": 0.1,
        "train_loss": 0.5,
        "train_accuracy": 0.9,
        "seconds": 1.5,
    }


def test_without_trackers_records_are_ignored(tmp_path):
    with trackers.open_trackers([], tmp_path, {}) as write:
        write(EpochRecord(2, 10, 0.1, 0.5, 0.9, None, None, True, 1.5))
    assert list(tmp_path.iterdir()) == []
