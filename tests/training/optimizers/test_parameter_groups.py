"""Which parameters are stepped alike, and how layers are counted and frozen."""

from itertools import pairwise

import pytest
from torch import nn

from foveal.training.optimizers.parameter_groups import (
    freeze_layers,
    layer_numbers,
    make_parameter_groups,
)


def test_groups_hold_every_parameter_once(make_module, make_recipe):
    made = make_parameter_groups(make_module(), make_recipe(optimizer="muon"))
    names = {name: (group.optimizer, group.fixed_norm) for group in made for name in group.names}
    assert names == {
        "0.weight": ("muon", True),
        "3.weight": ("muon", False),
        "6.weight": ("adamw", False),
        "1.bias": ("adamw", False),
        "1.weight": ("adamw", False),
        "3.bias": ("adamw", False),
        "6.bias": ("adamw", False),
    }


def test_frozen_parameters_are_left_out(make_module, make_recipe):
    module = make_module()
    module[0].weight.requires_grad_(False)
    made = make_parameter_groups(module, make_recipe(optimizer="sgd"))
    assert "0.weight" not in {name for group in made for name in group.names}


def test_layers_are_counted_from_the_input_and_norms_belong_to_the_layer_before(make_module):
    module = make_module()
    numbers = layer_numbers(module)
    matrices = [name for name, value in module.named_parameters() if value.ndim >= 2]
    assert [numbers[name] for name in matrices] == list(range(1, len(matrices) + 1))
    names = [name for name, _ in module.named_parameters()]
    for before, name in pairwise(names):
        assert numbers[name] == numbers[before] + (name in matrices)


def test_the_learning_rate_falls_with_each_layer_towards_the_input(make_module, make_recipe):
    module = make_module()
    numbers, last = layer_numbers(module), max(layer_numbers(module).values())
    groups = make_parameter_groups(module, make_recipe(optimizer="adamw", layer_decay=0.5))
    plain = make_parameter_groups(module, make_recipe(optimizer="adamw"))
    rates = {name: group.learning_rate for group in plain for name in group.names}
    seen = []
    for group in groups:
        for name in group.names:
            expected = rates[name] * 0.5 ** (last - numbers[name])
            assert group.learning_rate == pytest.approx(expected)
            seen.append(name)
    assert sorted(seen) == sorted(rates)


def test_the_first_layers_are_frozen():
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.Linear(5, 2)
    )
    freeze_layers(module, 2)
    trained = [name for name, value in module.named_parameters() if value.requires_grad]
    assert trained == ["4.weight", "4.bias"]
    freeze_layers(module, 0)
    assert not module[0].weight.requires_grad
