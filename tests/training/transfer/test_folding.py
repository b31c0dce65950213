"""Folded norms compute the same, and what is learned folded goes back into the module."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.spec.layers import (
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Output,
    Relu,
    Residual,
)
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.training.transfer.folding import fold_norms, unfold_norms

NETWORK = Network(
    input=Input(height=8, width=8, channels=3),
    layers=(
        BatchNorm(),
        Conv(6, bias=True),
        BatchNorm(scale=False),
        Relu(),
        Residual(layers=(Conv(12, stride=(2, 2)), BatchNorm(epsilon=0.001), Relu())),
        Conv(12, groups="depthwise"),
        BatchNorm(),
        GlobalAvgPool(),
        Dense(5),
        BatchNorm(),
        Output(),
    ),
)


def _module(network=NETWORK, classes=4):
    """A module whose norms have statistics, factors and biases of their own."""
    torch.manual_seed(0)
    module = build(network, classes)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
    return module.eval()


def _images(count=3, size=8):
    return torch.randint(0, 256, (count, 3, size, size), generator=torch.manual_seed(1)).float()


def test_a_folded_module_computes_the_same_without_its_norms():
    module, images = _module(), _images()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    folded = fold_norms(module)
    torch.testing.assert_close(folded(images), module(images), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d) for layer in folded.modules())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_whole_preset_computes_the_same():
    module = _module(load_preset("resnet18", Input(height=32, width=32)), 10)
    images = _images(size=32)
    torch.testing.assert_close(fold_norms(module)(images), module(images), rtol=1e-4, atol=1e-3)


def test_training_mode_changes_nothing_in_a_folded_module():
    folded, images = fold_norms(_module()), _images()
    expected = folded(images)
    folded.train()
    assert torch.equal(folded(images), expected)
    assert torch.equal(folded(images), expected)


def test_weights_that_were_not_changed_go_back_to_the_bit():
    module = _module()
    unfolded = unfold_norms(fold_norms(module).state_dict(), module)
    assert unfolded.keys() == module.state_dict().keys()
    assert all(torch.equal(unfolded[name], value) for name, value in module.state_dict().items())


def test_what_was_learned_folded_goes_back_into_the_module():
    module, images = _module(), _images()
    folded = fold_norms(module)
    optimizer = torch.optim.SGD(folded.parameters(), lr=1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        folded(images).square().mean().backward()
        optimizer.step()
    assert not torch.allclose(folded(images), module(images), atol=1e-2)
    learned = _module()
    learned.load_state_dict(unfold_norms(folded.state_dict(), module))
    torch.testing.assert_close(learned(images), folded(images), rtol=1e-4, atol=1e-4)
    for name in ("batch_norm_1.running_var", "batch_norm_2.running_mean", "normalise.mean"):
        assert torch.equal(learned.state_dict()[name], module.state_dict()[name])


@pytest.mark.parametrize("factor", [0.0, 1e-9])
def test_a_map_that_was_switched_off_can_be_learned_and_goes_back(factor):
    module, images = _module(), _images()
    with torch.no_grad():
        module.batch_norm_2.weight[:2] = factor
    folded = fold_norms(module)
    with torch.no_grad():
        folded.conv_2.weight[:2] += 0.5
        folded.conv_2.bias[:2] -= 0.25
    learned = _module()
    learned.load_state_dict(unfold_norms(folded.state_dict(), module))
    torch.testing.assert_close(learned(images), folded(images), rtol=1e-4, atol=1e-4)


def test_frozen_weights_stay_frozen():
    network = NETWORK.model_copy(
        update={"layers": (Conv(4, frozen=True), BatchNorm(), Flatten(), Output())}
    )
    folded = fold_norms(_module(network))
    assert [name for name, value in folded.named_parameters() if not value.requires_grad] == [
        "conv_1.weight"
    ]
