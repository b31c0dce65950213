"""A training task: its units, its batches and their sizes."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from foveal.dataset.file_facts import read_file_facts
from foveal.dataset.open import open_dataset
from foveal.dataset.shards.pack import pack_shards
from foveal.dataset.shards.shard_table import shard_table
from foveal.dataset.workers.task import decode_task
from foveal.spec.layers import BatchNorm, Conv, Flatten, GlobalMaxPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess
from foveal.training import sampler
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.run.summary import plan_lines
from foveal.training.streaming import StreamedPixels
from foveal.training.task import epoch_batches, prepare_batch, upcoming_batches
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


def _with_last_norm(images_per_batch, kernel):
    """A task whose batch norm has maps of one cell where the kernel is as large as the image."""
    layers = (Conv(4, kernel=kernel, padding="valid"), BatchNorm(), GlobalMaxPool(), Output())
    network = Network(input=Input(height=8, width=8, channels=1), layers=layers)
    return lambda runs: runs.start(network=network, batch_size=images_per_batch).task


@pytest.mark.parametrize(("size", "count"), [(1, 200), (1, 199), (2, 199), (2, 3), (64, 65)])
def test_no_batch_of_one_where_batch_norm_has_one_value_an_image(runs, size, count):
    task = _with_last_norm(size, 8)(runs)
    images = LabelledImages(task.train.pixels[:count], task.train.labels[:count])
    batches = epoch_batches(dataclasses.replace(task, train=images), 0)
    assert min(len(batch) for batch in batches) >= 2
    assert max(len(batch) for batch in batches) <= max(size, 3)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))


def test_batches_of_one_stay_where_a_map_has_several_cells(runs):
    assert _with_last_norm(1, 7)(runs).steps_per_epoch == 200


def test_a_run_with_batches_of_one_says_what_it_does_and_ends(runs):
    layers = (Conv(8, kernel=8, padding="valid"), BatchNorm(), Relu(), Flatten(), Output())
    network = Network(input=Input(height=8, width=8, channels=1), layers=layers)
    session = runs.start(network=network, batch_size=1, epochs=3.0)
    runs.drive(session, "one")
    assert all(math.isfinite(line["val_loss"]) for line in session.state.position.history)
    assert list(plan_lines(session))[-2] == (
        "batches have 2 images or one more: batch_norm stands where maps have one cell, and of one "
        "image there is no deviation; a larger batch_size learns better"
    )


@pytest.fixture
def streamed(task, digits, tmp_path):
    """The task with its images streamed from shards."""
    dataset = open_dataset(
        pack_shards(open_dataset(digits), tmp_path / "s", shard_bytes=2**16).folder
    )
    rows = np.arange(200)
    facts = read_file_facts(dataset, rows)
    decode = decode_task(Input(height=8, width=8, channels=1), Preprocess())
    pixels = StreamedPixels(dataset, rows, facts.content_hashes, decode, shard_table(dataset, rows))
    labels = np.array([int(dataset.labels[row][0]) for row in rows])
    yield dataclasses.replace(task, train=LabelledImages(pixels, labels))
    pixels.close()


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(sampler, "MIN_WINDOW_IMAGES", 1)
    monkeypatch.setattr(sampler, "MIN_WINDOW_SHARDS", 2)
    monkeypatch.setattr(sampler, "PARTITIONS", 2)


def test_streamed_batches_are_those_of_the_sampler(streamed, small_windows):
    order = sampler.epoch_order(200, streamed.seed, 1)
    numbers = streamed.train.pixels.shards.numbers
    expected, _ = sampler.streamed_batches(order, numbers, 5, streamed.seed, 1)
    batches = epoch_batches(streamed, 1)
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in expected]
    assert np.concatenate(batches).tolist() != order.tolist()


@pytest.mark.parametrize("processes", [ALONE, ProcessGroup(0, 2), ProcessGroup(1, 2)])
@pytest.mark.parametrize("mixup", [0.0, 0.2])
def test_upcoming_batches_are_those_of_any_step(streamed, small_windows, processes, mixup):
    recipe = streamed.recipe.model_copy(update={"mixup_alpha": mixup})
    task = dataclasses.replace(streamed, processes=processes, recipe=recipe)
    pixels = task.train.pixels
    batches = [batch for epoch in range(3) for batch in epoch_batches(task, epoch)]
    own = [set(pixels.shards.numbers[processes.rows(batch)].tolist()) for batch in batches]
    for step in (0, 3, 7):
        found = list(itertools.islice(upcoming_batches(task, pixels, step), len(batches) - step))
        for one, batch in zip(found, batches[step:], strict=True):
            assert one.rows.tolist() == processes.rows(batch, following=int(mixup > 0)).tolist()
        for epoch in range(step // 5, 3):
            steps = range(max(step, 5 * epoch), 5 * epoch + 5)
            announced: set[int] = set()
            for number in steps:
                announced |= set(found[number - step].next_shards)
                assert announced >= own[number]  # before they are read
            assert announced == set().union(*(own[number] for number in steps))
