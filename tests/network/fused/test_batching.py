"""Images at a time: as many as the largest maps of one allow."""

import torch
from torch import nn

from foveal.network.fused import batching
from foveal.network.fused.batching import images_per_pass

MODULE = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, stride=2))


def test_the_largest_maps_of_an_image_decide(monkeypatch):
    image_bytes = 8 * 10 * 12 * 4
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 5 * image_bytes + 1})
    assert images_per_pass(MODULE, torch.zeros(3, 3, 10, 12)) == 5
    with torch.autocast("cpu", torch.bfloat16):
        assert images_per_pass(MODULE, torch.zeros(3, 3, 10, 12)) == 10


def test_one_image_always_passes_and_small_ones_are_bounded(monkeypatch):
    assert images_per_pass(MODULE, torch.zeros(1, 3, 3, 3)) == batching.MAX_IMAGES
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 1})
    assert images_per_pass(MODULE, torch.zeros(1, 3, 3, 3)) == 1


def test_the_module_is_left_as_it_was():
    images_per_pass(MODULE, torch.zeros(1, 3, 8, 8))
    assert not any(layer._forward_hooks for layer in MODULE)
