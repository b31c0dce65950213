"""Weights loaded from another module by name and shape."""

import torch

from foveal.training.transfer import load_matching_weights


def test_weights_are_loaded_by_name_and_shape():
    module, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 4)
    bias = module.bias.detach().clone()
    source = {"weight": torch.ones(2, 3), "bias": other.bias, "further": torch.ones(1)}
    assert load_matching_weights(module, source) == ("bias",)
    assert torch.equal(module.weight, torch.ones(2, 3))
    assert torch.equal(module.bias, bias)


def test_a_source_without_the_name_leaves_the_weight():
    module = torch.nn.Linear(3, 2)
    before = module.weight.detach().clone()
    assert load_matching_weights(module, {}) == ("weight", "bias")
    assert torch.equal(module.weight, before)
