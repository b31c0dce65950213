"""A training task: its units, its batches and their sizes."""

import dataclasses

import numpy as np
import pytest
import torch

from foveal.training.task import epoch_batches, prepare_batch
from foveal.training.tensors import LabelledImages


@pytest.fixture
def task(runs):
    return runs.start().task


def test_an_epoch_has_every_image_once(task):
    batches = epoch_batches(task, 0)
    assert len(batches) == task.steps_per_epoch == 5
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))


def test_sampling_balances_the_classes(runs):
    task = runs.start(class_balance="sampling").task
    indices = np.concatenate(epoch_batches(task, 0))
    assert set(np.bincount(task.train.labels[indices])) == {20}


def test_a_batch_has_full_size_without_progressive_resizing(task):
    images, target = prepare_batch(task, np.arange(7), 0, 0.0)
    assert images.shape == (7, 1, 8, 8)
    assert images.dtype == torch.float32
    assert target.argmax(dim=1).tolist() == task.train.labels[:7].tolist()


def test_a_batch_grows_with_progressive_resizing(runs, wide):
    task = runs.start(network=wide, progressive_resizing=0.5).task
    sizes = [prepare_batch(task, np.arange(2), 0, at)[0].shape[2:] for at in (0.0, 0.9)]
    assert sizes == [(16, 16), (32, 32)]
    assert task.image_size == (32, 32)
    assert task.start_scale == 0.5


@pytest.mark.parametrize(
    ("activation", "classes", "labels", "units"),
    [
        ("softmax", 2, np.zeros(4, np.int64), 2),
        ("sigmoid", 2, np.zeros(4, np.int64), 1),
        ("sigmoid", 2, np.zeros((4, 2), np.int64), 2),
        ("sigmoid", 5, np.zeros((4, 5), np.int64), 5),
    ],
)
def test_units_are_the_outputs_of_the_network(task, activation, classes, labels, units):
    images = LabelledImages(np.zeros((4, 8, 8, 1), np.uint8), labels)
    changed = dataclasses.replace(task, train=images, activation=activation, class_count=classes)
    assert changed.units == units
    assert prepare_batch(changed, np.arange(4), 0, 0.0)[1].shape == (4, units)
