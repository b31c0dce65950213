"""Order of images: each once an epoch, a pure function of (seed, epoch)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.training import sampler
from foveal.training.processes.process_group import ProcessGroup


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


def _streamed(shards, steps, seed=3, epoch=1):
    order = sampler.epoch_order(len(shards), seed, epoch)
    return order, *sampler.streamed_batches(order, shards, steps, seed, epoch)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 50), st.integers(1, 20)
)
def test_streamed_batches_show_every_image_once(images, batch, window):
    """In batches of the sizes of any run, whatever the shards are."""
    shards = np.repeat(np.arange(len(images)), images)
    steps = sampler.steps_per_epoch(len(shards), batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "MIN_WINDOW_IMAGES", 1)
        patch.setattr(sampler, "MIN_WINDOW_SHARDS", window)
        order, batches, windows = _streamed(shards, steps)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(shards)))
    expected = sampler.split_batches(order, steps)
    assert [len(part) for part in batches] == [len(part) for part in expected]
    assert [len(part) for part in windows] == [len(part) for part in expected]


def test_where_one_window_holds_all_the_batches_are_those_of_a_folder():
    for shards in (np.repeat(np.arange(8), 5000), np.repeat(np.arange(163), 100)):
        order, batches, windows = _streamed(shards, 100)
        assert np.array_equal(np.concatenate(batches), order)
        assert not np.concatenate(windows).any()
    assert [part.tolist() for part in _streamed(np.empty(0, np.int64), 1)[1]] == [[]]


def test_the_window_of_every_partition_is_two_shards_in_an_order_of_the_epoch():
    shards = np.repeat(np.arange(80), 1100)  # 15 of them have 16,384 images
    order, batches, windows = _streamed(shards, 800)
    place = {int(image): position for position, image in enumerate(order)}
    seen = []
    for partition in range(8):
        start, stop = partition * 110 // 8, (partition + 1) * 110 // 8
        rows = np.concatenate([batch[start:stop] for batch in batches])
        window = np.concatenate([part[start:stop] for part in windows])
        assert (np.diff(window) >= 0).all()
        for number in range(window.max() + 1):
            inside = [place[int(image)] for image in rows[window == number]]
            assert inside == sorted(inside)  # as much at random as all images are
            assert len(np.unique(shards[rows[window == number]])) <= 2
        seen.append(set(shards[rows].tolist()))
    assert all(10 <= len(part) <= 12 for part in seen)
    assert sum(map(len, seen)) <= 80 + 7  # a shard between two partitions is in both
    assert np.concatenate(_streamed(shards, 800)[1]).tolist() == np.concatenate(batches).tolist()
    for other in ({"epoch": 2}, {"seed": 4}):
        assert _streamed(shards, 800, **other)[1][0].tolist() != batches[0].tolist()


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_processes_divide_the_shards(processes):
    """Each reads its own ones, and at most one more on either side, whatever the batch size."""
    shards = np.repeat(np.arange(80), 1100)
    for steps in (800, 813, 1031):
        _, batches, _ = _streamed(shards, steps)
        read = []
        for rank in range(processes):
            own = [ProcessGroup(rank, processes).rows(batch) for batch in batches]
            assert max(map(len, own)) - min(map(len, own)) <= 2
            read.append(len(np.unique(shards[np.concatenate(own)])))
        assert max(read) <= 80 // processes + 2
        assert sum(read) <= 80 + processes - 1


def test_the_imbalance_of_windows():
    labels = np.repeat([0, 1], 50)
    assert sampler.window_imbalance(labels, labels) == 0.5
    assert sampler.window_imbalance(labels, np.tile([0, 1], 50)) == 0.0
    assert sampler.window_imbalance(np.eye(2, dtype=np.int64)[labels], labels) == 0.5
    assert sampler.window_imbalance(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == 0.25
    assert sampler.window_imbalance(np.empty(0, np.int64), np.empty(0, np.int64)) == 0.0
