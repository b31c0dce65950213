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


def test_parity_splits_in_two_halves():
    half = sampler.mirrored_in_even_epochs(np.arange(10_000), 3).mean()
    assert 0.48 < half < 0.52


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
