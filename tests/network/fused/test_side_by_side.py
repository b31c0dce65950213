"""Weight gradients of images side by side are those of torch's own convolution."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from foveal.network.fused.side_by_side import (
    images_side_by_side,
    share_weight_gradients,
    side_by_side_conv,
)


@given(
    images=st.integers(1, 10),
    size=st.tuples(st.integers(1, 6), st.integers(1, 17)),
    kernel=st.sampled_from([(3, 3), (5, 5), (3, 1), (1, 3), (7, 3)]),
)
@settings(max_examples=40, deadline=None)
def test_maps_and_gradients_are_those_of_torch(images, size, kernel):
    torch.manual_seed(0)
    maps = torch.randn(images, 2, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, *kernel, dtype=torch.float64, requires_grad=True)
    expected = torch.conv2d(maps, weight, padding=[side // 2 for side in kernel])
    direction = torch.randn_like(expected)
    found = side_by_side_conv(maps, weight)
    torch.testing.assert_close(found, expected)
    gradients = torch.autograd.grad(found, (maps, weight), direction)
    references = torch.autograd.grad(expected, (maps, weight), direction)
    for gradient, reference in zip(gradients, references, strict=True):
        torch.testing.assert_close(gradient, reference)


@pytest.mark.parametrize("width", range(1, 9))
def test_a_row_is_filled_better_by_several_images(width):
    images, cell = images_side_by_side(width, 3)
    assert cell == width + 1
    assert 1 < images <= 64 // cell

    def filled(count):
        return count * width / (-(-count * cell // 32) * 32)

    assert filled(images) == max(filled(count) for count in range(1, 64 // cell + 1))
    assert filled(images) >= min(0.62, 2 * width / 32)


def test_wide_maps_are_computed_as_they_are():
    assert images_side_by_side(9, 3) == (1, 10)
    assert images_side_by_side(31, 5) == (1, 33)


def _module():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.MaxPool2d(2)),
        nn.Conv2d(4, 4, 3, padding=1, stride=2, bias=False),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 1, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
        nn.Flatten(),
        nn.LazyLinear(2),
    )


def test_a_copy_has_the_gradients_and_statistics_of_the_module_in_its_own_tensors():
    module, images = _module(), torch.randn(5, 3, 7, 7)
    module(images[:2])  # sizes the last layer
    copy = share_weight_gradients(module)
    kinds = [type(layer).__name__ for layer in copy.modules()]
    assert kinds.count("_SideBySideConv2d") == 2
    assert kinds.count("Conv2d") == 4
    assert [id(one) for one in copy.parameters()] == [id(one) for one in module.parameters()]
    before = {name: value.clone() for name, value in module.named_buffers()}
    module(images).square().sum().backward()
    expected = {name: one.grad.clone() for name, one in module.named_parameters()}
    after = {name: value.clone() for name, value in module.named_buffers()}
    for name, value in module.named_buffers():
        value.copy_(before[name])
    module.zero_grad()
    module.eval()
    copy(images).square().sum().backward()  # in training mode still
    for name, one in module.named_parameters():
        torch.testing.assert_close(one.grad, expected[name])
    for name, value in module.named_buffers():
        torch.testing.assert_close(value, after[name])


def test_frozen_convolutions_stay_as_they_are():
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False).requires_grad_(False))
    assert type(share_weight_gradients(module)[0]) is nn.Conv2d


def test_autocast_rounds_the_maps_and_leaves_fp32_gradients():
    module, images = _module()[:1], torch.randn(5, 3, 7, 7)
    copy = share_weight_gradients(module)
    with torch.autocast("cpu", torch.bfloat16):
        maps = copy(images)
    assert maps.dtype == torch.bfloat16
    maps.float().square().sum().backward()
    gradient = module[0].weight.grad
    expected = torch.autograd.grad(module(images).square().sum(), module[0].weight)[0]
    assert gradient.dtype == torch.float32
    assert (gradient - expected).norm() < 0.02 * expected.norm()
