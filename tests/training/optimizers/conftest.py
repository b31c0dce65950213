"""A module and a recipe that the tests of optimizers share."""

import pytest
import torch
from torch import nn

from foveal.spec.recipe import Recipe


@pytest.fixture
def make_module():
    """A function that gives convolutions, a norm and a dense layer, with the same weights."""

    def make() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 16, 4),
        )

    return make


@pytest.fixture
def make_recipe():
    """A function that gives a recipe with every value of an optimizer."""

    def make(**keys) -> Recipe:
        whole = {"learning_rate": 0.1, "momentum": 0.85, "weight_decay": 0.01, "bias_lr_scale": 4.0}
        return Recipe(**{**whole, **keys})

    return make
