"""The device is started by a step that needs no GPU to be tried, and changes no random number."""

import pytest
import torch

from foveal.training import warm_up


def test_on_the_cpu_nothing_is_started():
    assert warm_up.start_device(torch.device("cpu")) is None


def test_the_step_leaves_the_random_numbers_as_they_were():
    before = torch.get_rng_state()
    warm_up._compute(torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.cuda
def test_a_gpu_is_started_and_computes():
    thread = warm_up.start_device(torch.device("cuda"))
    thread.join()
    assert torch.cuda.max_memory_allocated() > 0
