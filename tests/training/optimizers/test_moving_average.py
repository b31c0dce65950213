"""The moving average against a loop over tensors, with a number and with one on the device."""

import pytest
import torch
from torch import nn

from foveal.spec.recipe import Recipe
from foveal.training.optimizers import moving_average


@pytest.mark.parametrize(
    ("ema_decay", "steps_done", "decay"),
    [(0.99, 0, 0.1), (0.99, 90, 0.91), (0.99, 10_000, 0.99), (None, 5, 0.0)],
)
def test_the_decay_rises_to_that_of_the_recipe(ema_decay, steps_done, decay):
    assert moving_average.decay_at(Recipe(ema_decay=ema_decay), steps_done) == pytest.approx(decay)


@pytest.mark.parametrize("decay", [0.75, torch.tensor(0.75)], ids=["a number", "on the device"])
def test_it_moves_to_the_weights_and_counters_are_copied(decay):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    average = {name: torch.ones_like(value) for name, value in module.state_dict().items()}
    module[1].num_batches_tracked.fill_(41)
    moving_average.update(average, module, decay)
    assert int(average.pop("1.num_batches_tracked")) == 41
    for name, value in average.items():
        torch.testing.assert_close(value, 0.75 + 0.25 * module.state_dict()[name])


def test_without_an_average_nothing_is_done():
    average = {}
    moving_average.update(average, nn.Linear(2, 2), 0.5)
    assert average == {}
