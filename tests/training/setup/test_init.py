"""Whitening filters and dropout rates."""

import numpy as np
import torch

from foveal.model.architecture import load_network
from foveal.network.build import build
from foveal.spec.preprocess import Input
from foveal.training.setup.init import eigenfilters, set_dropout, whiten


def _smooth_images():
    smooth = np.random.default_rng(0).normal(size=(200, 12, 12, 3)).cumsum(1).cumsum(2)
    return np.clip(128 + 12 * smooth, 0, 255).astype(np.uint8)


def test_filters_decorrelate_patches():
    images = torch.from_numpy(_smooth_images()).permute(0, 3, 1, 2).double() / 64 - 2
    filters = eigenfilters(images, (2, 2))
    maps = torch.nn.functional.conv2d(images, filters)
    flat = maps.permute(1, 0, 2, 3).flatten(1)
    second = flat @ flat.T / flat.shape[1]
    off_diagonal = second - second.diag().diag()
    torch.testing.assert_close(off_diagonal, torch.zeros_like(second), atol=1e-6, rtol=0)
    assert (second.diag() <= 1 + 1e-6).all()
    assert (second.diag()[:6] > 0.8).all()


def test_the_first_layer_holds_them_and_their_negatives():
    network = load_network("swift-s", Input(height=32, width=32, channels=3))
    module = build(network, 10)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    assert whiten(module, network, pixels)
    weight = next(part for part in module.modules() if isinstance(part, torch.nn.Conv2d)).weight
    assert torch.equal(weight[:12], -weight[12:24])
    assert not weight.requires_grad


def test_a_network_without_whitening_is_left_alone():
    network = load_network("lenet5")
    module = build(network, 10)
    before = module.state_dict()["conv_1.weight"].clone()
    assert not whiten(module, network, np.zeros((5, 32, 32, 1), np.uint8))
    assert torch.equal(module.state_dict()["conv_1.weight"], before)


def test_set_dropout():
    module = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Dropout2d(0.1))
    set_dropout(module, 0.25)
    assert [part.p for part in module] == [0.25, 0.25]
