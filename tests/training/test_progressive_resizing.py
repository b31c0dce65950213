"""Growing images: their sizes, what they cost, and networks that take no small ones."""

from statistics import fmean

import pytest
import torch

from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.spec.preprocess import Input
from foveal.training.progressive_resizing import (
    find_unsupported_size,
    mean_relative_cost,
    relative_cost,
    training_size,
)


def test_images_grow_in_few_sizes():
    sizes = [training_size((64, 96), 0.5, step / 100) for step in range(101)]
    assert sizes == sorted(sizes)
    assert list(dict.fromkeys(sizes)) == [(32, 48), (40, 60), (48, 72), (56, 84), (64, 96)]
    assert sizes[67] == (64, 96)


def test_whole_images_stay_whole():
    assert training_size((61, 33), 1.0, 0.0) == (61, 33)
    assert training_size((61, 33), 0.5, 0.7) == (61, 33)
    assert relative_cost((61, 33), 1.0, 0.0) == mean_relative_cost((61, 33), 1.0, 0.0) == 1.0


def test_costs_lie_on_a_line_between_both_that_were_measured():
    sizes = {0.0: 20, 0.13: 24, 0.4: 28, 0.7: 32}
    for progress, side in sizes.items():
        assert training_size((32, 32), 0.625, progress) == (side, side)
        share = (side**2 - 20**2) / (32**2 - 20**2)
        expected = 0.6 + 0.4 * share
        assert relative_cost((32, 32), 0.625, progress, 0.6) == pytest.approx(expected)
        area = side**2 / 32**2
        assert relative_cost((32, 32), 0.625, progress) == pytest.approx(area)
    assert relative_cost((32, 32), 1.0, 0.0, 0.6) == 1.0


@pytest.mark.parametrize("start_cost", [None, 0.7])
@pytest.mark.parametrize("progress", [0.0, 0.3, 0.65, 0.9])
def test_work_ahead_is_the_mean_of_what_is_left(progress, start_cost):
    full, many = (32, 32), 20_000
    left = [
        relative_cost(full, 0.625, progress + (1 - progress) * at / many, start_cost)
        for at in range(many)
    ]
    mean = mean_relative_cost(full, 0.625, progress, start_cost)
    assert mean == pytest.approx(fmean(left), abs=0.01)


def _built(name: str, side: int) -> torch.nn.Module:
    return build(load_preset(name, Input(height=side, width=side, channels=3)), 10)


def test_a_network_that_takes_every_size_fits():
    module = _built("swift-s", 32).train()
    assert find_unsupported_size(module, 3, (32, 32), 0.625) is None
    assert module.training


@pytest.mark.parametrize("name", ["lenet5", "convnext"])
def test_a_network_that_does_not_is_found(name):
    assert find_unsupported_size(_built(name, 32), 3, (32, 32), 0.625) == (20, 20)
