"""Joined convolutions: torch's separate operations give the same maps and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from foveal.network.fused.convolution_gradients import ConvGeometry
from foveal.network.fused.kernels import fused_conv, is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="torch has no oneDNN")

CASES = {
    "1x1 of few positions": (8, 12, 1, (1, 1), (0, 0, 0, 0), 1, 6),
    "1x1 of many positions": (3, 5, 1, (1, 1), (0, 0, 0, 0), 1, 48),
    "1x1 with stride": (4, 6, 1, (2, 2), (0, 0, 0, 0), 1, 7),
    "3x3": (3, 8, 3, (1, 1), (1, 1, 1, 1), 1, 9),
    "3x3 padded on one side": (3, 8, 3, (2, 2), (0, 1, 0, 1), 1, 8),
    "3x3 padded before": (3, 8, 3, (2, 1), (2, 0, 1, 1), 1, 8),
    "groups": (8, 12, 3, (1, 1), (1, 1, 1, 1), 4, 7),
    "depthwise 3x3": (16, 16, 3, (1, 1), (1, 1, 1, 1), 16, 8),
    "depthwise 3x3 with stride": (16, 16, 3, (2, 2), (0, 1, 0, 1), 16, 8),
    "depthwise 5x5": (16, 16, 5, (1, 1), (2, 2, 2, 2), 16, 7),
    "depthwise 5x5 with stride": (16, 16, 5, (2, 2), (1, 2, 1, 2), 16, 8),
    "depthwise 7x7": (8, 8, 7, (1, 1), (3, 3, 3, 3), 8, 4),
    "depthwise without padding": (8, 8, 4, (1, 1), (0, 0, 0, 0), 8, 6),
    "depthwise, two filters a map": (4, 8, 3, (1, 1), (1, 1, 1, 1), 4, 6),
}
ACTIVATIONS = {"none": lambda maps: maps, "relu": F.relu, "relu6": F.relu6}


def _tensors(case, dtype):
    maps, filters, kernel, stride, padding, groups, size = CASES[case]
    torch.manual_seed(3)
    x = (2 * torch.randn(2, maps, size, size)).to(dtype).requires_grad_()
    weight = torch.randn(filters, maps // groups, kernel, kernel).requires_grad_()
    bias = torch.randn(filters).requires_grad_()
    return x, weight, bias, ConvGeometry(stride, padding, groups)


def _reference(x, weight, bias, geometry, activation):
    top, bottom, left, right = geometry.padding
    padded = F.pad(x.float(), (left, right, top, bottom))
    maps = F.conv2d(padded, weight, bias, geometry.stride, groups=geometry.groups)
    return ACTIVATIONS[activation](maps)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("case", CASES)
def test_maps_and_gradients_are_those_of_separate_operations(case, activation):
    x, weight, bias, geometry = _tensors(case, torch.float32)
    expected = _reference(x, weight, bias, geometry, activation)
    direction = torch.randn_like(expected)
    expected_gradients = torch.autograd.grad(expected, (x, weight, bias), direction)
    maps = fused_conv(x, weight, bias, None, geometry, activation)
    gradients = torch.autograd.grad(maps, (x, weight, bias), direction)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4)
    for gradient, reference in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_bf16_maps_have_fp32_gradients_of_weights_within_rounding(case):
    x, weight, bias, geometry = _tensors(case, torch.bfloat16)
    expected = _reference(x, weight, bias, geometry, "none")
    direction = torch.randn_like(expected)
    expected_gradients = torch.autograd.grad(expected, (x, weight, bias), direction)
    maps = fused_conv(x, weight, bias, None, geometry, "none")
    gradients = torch.autograd.grad(maps, (x, weight, bias), direction.bfloat16())
    assert [maps.dtype, *(gradient.dtype for gradient in gradients)] == [
        torch.bfloat16,
        torch.bfloat16,
        torch.float32,
        torch.float32,
    ]
    for gradient, reference in zip(gradients, expected_gradients, strict=True):
        assert (gradient.float() - reference.float()).norm() < 0.01 * reference.float().norm()


def test_what_is_added_gets_its_gradient():
    x, weight, bias, geometry = _tensors("1x1 of few positions", torch.float32)
    added = torch.randn(2, 12, 6, 6).requires_grad_()
    expected = _reference(x, weight, bias, geometry, "none") + added
    maps = fused_conv(x, weight, bias, added, geometry, "none")
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4)
    direction = torch.randn_like(expected)
    found = torch.autograd.grad(maps, (x, weight, bias, added), direction)
    references = torch.autograd.grad(expected, (x, weight, bias, added), direction)
    for gradient, reference in zip(found, references, strict=True):
        torch.testing.assert_close(gradient, reference, rtol=1e-4, atol=1e-3)


def test_only_what_is_learned_gets_a_gradient():
    x, weight, bias, geometry = _tensors("depthwise 5x5", torch.float32)
    weight.requires_grad_(False)
    fused_conv(x, weight, bias, None, geometry, "relu6").sum().backward()
    assert x.grad is not None
    assert bias.grad is not None
    assert weight.grad is None


def test_a_convolution_without_bias():
    x, weight, _, geometry = _tensors("3x3", torch.float32)
    maps = fused_conv(x, weight, None, None, geometry, "relu")
    torch.testing.assert_close(
        maps, _reference(x, weight, None, geometry, "relu"), rtol=1e-4, atol=1e-4
    )
    maps.sum().backward()
    assert weight.grad is not None
