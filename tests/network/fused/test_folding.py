"""Folded norms compute the same, and gradients of the folded weights reach the module."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.func import functional_call

from foveal.network.blocks import LayerScale
from foveal.network.build import build
from foveal.network.fused.folding import fold_layers, fold_norms, folded_weights
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


def test_frozen_weights_stay_frozen():
    network = NETWORK.model_copy(
        update={"layers": (Conv(4, frozen=True), BatchNorm(), Flatten(), Output())}
    )
    folded = fold_norms(_module(network))
    assert [name for name, value in folded.named_parameters() if not value.requires_grad] == [
        "conv_1.weight"
    ]


def test_folded_weights_are_those_of_the_copy_and_lead_back_to_the_module():
    module, images = _module(), _images()
    folded, weights = fold_norms(module), folded_weights(module)
    copied = dict(folded.named_parameters())
    for name, value in copied.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-5, atol=1e-6)
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    output = functional_call(folded, {name: weights[name] for name in copied}, (images,))
    gradients = torch.autograd.grad(output.square().mean(), list(parameters.values()))
    expected = torch.autograd.grad(module(images).square().mean(), list(parameters.values()))
    for name, gradient, reference in zip(parameters, gradients, expected, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_norm_behind_a_max_pool_is_folded_if_it_commutes(sign):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4)).eval()
    module[2].weight.data.mul_(sign * 2)
    module[2].running_mean.normal_()
    pixels = torch.rand(2, 3, 9, 9)
    folded = fold_layers(module)
    with torch.no_grad():
        torch.testing.assert_close(folded(pixels), module(pixels), atol=1e-5, rtol=1e-5)
    assert isinstance(folded[2], nn.Identity) == (sign > 0)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_scale_is_folded_into_its_convolution(bias):
    conv, scale = nn.Conv2d(3, 4, 3, bias=bias), LayerScale(4, 1.0)
    module = nn.Sequential(OrderedDict(conv=conv, scale=scale)).eval()
    scale.weight.data.normal_()
    pixels = torch.rand(2, 3, 9, 9)
    folded = fold_layers(module)
    with torch.no_grad():
        torch.testing.assert_close(folded(pixels), module(pixels), atol=1e-6, rtol=1e-5)
    assert isinstance(folded.scale, nn.Identity)
    assert isinstance(module.scale, LayerScale)
