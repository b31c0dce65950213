"""Large images wait for each other; ordinary ones, and one that is alone, never do."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from foveal.images import memory
from foveal.images.decode import decode_array
from foveal.images.memory import COPIES, UNCOUNTED_BYTES, MemoryBudget, NeedsMoreMemory

LARGE = UNCOUNTED_BYTES + 1


def _most_together(budget, sizes):
    """The largest sum of sizes reserved at once, each by a thread."""
    lock, used, most = threading.Lock(), [0], [0]

    def work(size):
        with budget.reservation() as reserve:
            reserve(size)
            with lock:
                used[0] += size
                most[0] = max(most[0], used[0])
            time.sleep(0.01)
            with lock:
                used[0] -= size

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most[0]


@pytest.mark.parametrize("fitting", [1, 2, 3])
def test_large_images_together_stay_below_the_limit(fitting):
    budget = MemoryBudget(fitting * COPIES * LARGE)
    assert _most_together(budget, [LARGE] * 12) <= fitting * LARGE


def test_one_above_the_limit_is_decoded_alone():
    assert _most_together(MemoryBudget(1), [LARGE, LARGE * 2, LARGE * 3]) == LARGE * 3


def test_ordinary_images_are_not_counted():
    budget = MemoryBudget()
    budget.restrict(1)
    with budget.reservation() as reserve:
        reserve(UNCOUNTED_BYTES)
        with pytest.raises(NeedsMoreMemory):
            reserve(UNCOUNTED_BYTES + 1)


def test_a_restricted_budget_refuses_what_is_above_it():
    budget = MemoryBudget()
    budget.restrict(COPIES * LARGE)
    with budget.reservation() as reserve:
        reserve(LARGE)
    with budget.reservation() as reserve, pytest.raises(NeedsMoreMemory):
        reserve(LARGE + 1)
    with budget.reservation() as reserve:  # nothing is left reserved
        reserve(LARGE)


def test_a_share_of_what_is_available_is_the_limit(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    assert MemoryBudget().limit == 400


def test_an_image_that_cannot_be_decoded_ends_its_reservation(monkeypatch):
    budget = MemoryBudget(1)
    monkeypatch.setattr("foveal.images.decode.decoding_budget", budget)
    monkeypatch.setattr(memory, "UNCOUNTED_BYTES", 0)
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(file, "TIFF")
    for content in (file.getvalue()[:4000], file.getvalue()) * 3:
        if len(content) == 4000:
            with pytest.raises(Exception, match=r"truncated|cannot be"):
                decode_array(content, channels=3)
        else:
            assert np.array_equal(decode_array(content, channels=3), pixels)
    assert budget._used == 0
