"""A fused module gives the maps, the gradients and the names of the module it was made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from foveal.network.blocks import Pad2d, SamePad2d
from foveal.network.build import build
from foveal.network.fused.folding import fold_norms
from foveal.network.fused.fusing import FusedConv2d, fuse_convolutions
from foveal.network.presets import load_preset
from foveal.spec.preprocess import Input

NAMES = ("efficientnet-lite0", "mobilenet", "resnet18", "convnext", "vgg-mini", "swift-xs")


def _modules(name, size=40):
    torch.manual_seed(0)
    folded = fold_norms(build(load_preset(name, Input(height=size, width=size)), 5))
    return folded, fuse_convolutions(folded)


def _images(size=40):
    return torch.randint(0, 256, (2, 3, size, size), generator=torch.manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_gradients_of_presets_are_the_same(name):
    folded, fused = _modules(name)
    assert any(isinstance(layer, FusedConv2d) for layer in fused.modules())
    expected, logits = folded(_images().float()), fused(_images().float())
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    names = [key for key, value in folded.named_parameters() if value.requires_grad]
    assert names == [key for key, value in fused.named_parameters() if value.requires_grad]
    parameters = [
        [value for value in module.parameters() if value.requires_grad]
        for module in (folded, fused)
    ]
    expected_gradients = torch.autograd.grad(expected.square().mean(), parameters[0])
    gradients = torch.autograd.grad(logits.square().mean(), parameters[1])
    for key, gradient, reference in zip(names, gradients, expected_gradients, strict=True):
        assert (gradient - reference).norm() <= 1e-3 * reference.norm() + 1e-6, key


def test_every_convolution_of_efficientnet_lite_is_joined_with_what_is_around_it():
    _, fused = _modules("efficientnet-lite0")
    kinds = {type(layer) for layer in fused.modules()}
    assert not kinds & {nn.Conv2d, nn.ReLU6, SamePad2d, Pad2d}
    assert fused.state_dict().keys() == _modules("efficientnet-lite0")[0].state_dict().keys()


def test_one_module_takes_images_of_every_size():
    folded, fused = _modules("efficientnet-lite0")
    for size in (33, 50):
        images = _images(size).float()
        torch.testing.assert_close(fused(images), folded(images), rtol=1e-4, atol=1e-4)


def test_autocast_computes_in_its_dtype():
    folded, fused = _modules("efficientnet-lite0")
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = fused(_images())
    assert logits.dtype == torch.bfloat16
    expected = folded(_images().float())
    assert (logits.float() - expected).norm() < 0.1 * expected.norm()


def test_what_cannot_be_joined_stays():
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, dilation=2),
        nn.ReLU(),
        Pad2d((1, 1, 1, 1), "reflect"),
        nn.Conv2d(4, 4, 3),
        nn.GELU(),
        Pad2d((1, 1, 1, 1), value=2.0),
        nn.Conv2d(4, 4, 3, padding=1),
    )
    fused = fuse_convolutions(module)
    assert [type(layer).__name__ for layer in fused] == [
        "Conv2d",
        "ReLU",
        "Pad2d",
        "FusedConv2d",
        "GELU",
        "Pad2d",
        "FusedConv2d",
    ]
    images = torch.randn(2, 3, 12, 12)
    torch.testing.assert_close(fused(images), module(images), rtol=1e-4, atol=1e-4)


def test_the_module_itself_is_not_changed():
    folded, fused = _modules("vgg-mini")
    assert not any(isinstance(layer, FusedConv2d) for layer in folded.modules())
    with torch.no_grad():
        next(iter(fused.parameters())).add_(1)
    assert not torch.equal(next(iter(fused.parameters())), next(iter(folded.parameters())))


def test_nothing_is_joined_where_torch_cannot(monkeypatch):
    monkeypatch.setattr("foveal.network.fused.kernels.is_available", lambda: False)
    _, same = _modules("vgg-mini")
    assert not any(isinstance(layer, FusedConv2d) for layer in same.modules())
