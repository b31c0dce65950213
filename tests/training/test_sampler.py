"""Order of images: each once an epoch, a pure function of (seed, epoch)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveal.training import sampler


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 3))
def test_batches_show_every_image_once(count, batch, epoch):
    steps = sampler.steps_per_epoch(count, batch)
    shown = sampler.epoch_order(count, 5, epoch)
    parts = sampler.split_batches(shown, steps)
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    sizes = [len(part) for part in parts]
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1


def test_epochs_and_seeds_differ():
    assert not np.array_equal(sampler.epoch_order(50, 0, 0), sampler.epoch_order(50, 0, 1))
    assert not np.array_equal(sampler.epoch_order(50, 0, 0), sampler.epoch_order(50, 1, 0))


def test_balanced_draws_every_class_alike_and_every_image_in_turn():
    classes = np.array([0] * 90 + [1] * 10)
    drawn = np.concatenate([sampler.epoch_order(100, 0, epoch, classes) for epoch in range(9)])
    per_class = np.bincount(classes[drawn])
    assert per_class.tolist() == [450, 450]
    times = np.bincount(drawn, minlength=100)
    assert set(times[:90]) == {5}
    assert set(times[90:]) == {45}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 60))
def test_every_beginning_of_a_proportional_order_has_each_classs_share(labels, count):
    labels = np.array(labels)
    order = sampler.proportional_order(labels, 3)
    assert sorted(order) == list(range(len(labels)))
    counts = np.bincount(labels)
    first = order[: np.count_nonzero(counts)]
    assert len(set(labels[first])) == len(first)
    taken = np.bincount(labels[order[:count]], minlength=len(counts))
    shares = counts / len(labels) * min(count, len(labels))
    assert np.all(np.abs(taken - shares) <= np.count_nonzero(counts))


def test_a_proportional_order_depends_on_the_seed_and_takes_several_labels():
    labels = np.zeros((50, 2), np.int64)
    one, same, other = (sampler.proportional_order(labels, seed) for seed in (1, 1, 2))
    assert sorted(one) == list(range(50))
    assert list(one) == list(same) != list(other)


def test_windows_hold_whole_shards_in_an_order_of_the_epoch():
    shards = np.repeat(np.arange(40), 1000)
    windows = sampler.windows_of_shards(shards, seed=3, epoch=1)
    by_shard = windows.reshape(40, 1000)
    assert (by_shard == by_shard[:, :1]).all()
    sizes = np.bincount(windows) // 1000
    assert sizes.tolist() == [17, 17, 6]
    assert (windows == sampler.windows_of_shards(shards, seed=3, epoch=1)).all()
    assert (windows != sampler.windows_of_shards(shards, seed=3, epoch=2)).any()
    assert (windows != sampler.windows_of_shards(shards, seed=4, epoch=1)).any()


def test_windows_of_large_shards_hold_eight():
    windows = sampler.windows_of_shards(np.repeat(np.arange(20), 5000), seed=0, epoch=0)
    assert (np.bincount(windows) // 5000).tolist() == [8, 8, 4]
    assert sampler.windows_of_shards(np.empty(0, np.int64), seed=0, epoch=0).tolist() == []


def test_the_imbalance_of_windows():
    labels = np.repeat([0, 1], 50)
    assert sampler.window_imbalance(labels, labels) == 0.5
    assert sampler.window_imbalance(labels, np.tile([0, 1], 50)) == 0.0
    assert sampler.window_imbalance(np.eye(2, dtype=np.int64)[labels], labels) == 0.5
    assert sampler.window_imbalance(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == 0.25
    assert sampler.window_imbalance(np.empty(0, np.int64), np.empty(0, np.int64)) == 0.0
