"""Gradients of a convolution by the faster of torch's own ways.

Two of oneDNN's own gradients are slow and are computed by faster ones of it: the weight gradient of
depthwise filters wider than three cells (11 times), and the gradient of the maps of a depthwise
convolution in bf16 (up to 60 times; docs/design-notes.md has the figures).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from foveal.network.geometry import Sides

MAX_FAST_FILTER_WIDTH = 3
"""oneDNN 3.12 computes the weight gradient of depthwise filters in vectors up to this width."""
MAX_MATMUL_POSITIONS = 4096
"""Up to so many positions a matrix product is the faster weight gradient of a 1x1 convolution."""


@dataclass(frozen=True)
class ConvGeometry:
    """stride: [height, width].  padding: zeros [top, bottom, left, right].  groups: of maps."""

    stride: tuple[int, int]
    padding: Sides
    groups: int


def maps_gradient(gradient: Tensor, maps: Tensor, weight: Tensor, geometry: ConvGeometry) -> Tensor:
    """Of the maps, from that of the output; both channels last and of one dtype."""
    if _is_pointwise(weight, geometry):
        rows = _rows(gradient) @ weight.flatten(1)
        return rows.view(len(maps), *maps.shape[2:], -1).permute(0, 3, 1, 2)
    if _is_depthwise(weight, geometry):
        return _depthwise_maps_gradient(gradient, maps, weight, geometry)
    weight, padding = symmetric(weight, geometry.padding)
    return convolution_backward(
        gradient,
        maps,
        weight,
        padding,
        stride=geometry.stride,
        groups=geometry.groups,
        of="maps",
    )


def _depthwise_maps_gradient(
    gradient: Tensor, maps: Tensor, weight: Tensor, geometry: ConvGeometry
) -> Tensor:
    """A convolution of the gradient, spread by the stride, with the reversed filters."""
    (rows, columns), (top, _, left, _) = weight.shape[2:], geometry.padding
    reversed_weight = weight.flip(2, 3)
    if geometry.stride == (1, 1) and geometry.padding == (top, top, left, left):
        padding = (rows - 1 - top, columns - 1 - left)
        return F.conv2d(gradient, reversed_weight, padding=padding, groups=geometry.groups)
    size = (len(maps), maps.shape[1], maps.shape[2] + rows - 1, maps.shape[3] + columns - 1)
    spread = torch.empty(size, dtype=maps.dtype, memory_format=torch.channels_last).zero_()
    cells = spread[
        :, :, rows - 1 - top :: geometry.stride[0], columns - 1 - left :: geometry.stride[1]
    ]
    cells[:, :, : gradient.shape[2], : gradient.shape[3]].copy_(gradient)
    return F.conv2d(spread, reversed_weight, groups=geometry.groups)


def weight_gradient(
    gradient: Tensor, maps: Tensor, weight: Tensor, geometry: ConvGeometry
) -> Tensor:
    """Of the weight, fp32."""
    if _is_pointwise(weight, geometry):
        rows = _rows(gradient)
        if len(rows) <= MAX_MATMUL_POSITIONS:
            return (rows.T @ _rows(maps)).float()[:, :, None, None]
    top, bottom, left, right = geometry.padding
    is_wide = _is_depthwise(weight, geometry) and weight.shape[3] > MAX_FAST_FILTER_WIDTH
    if not is_wide and top == bottom and left == right:
        return convolution_backward(
            gradient,
            maps,
            weight,
            (top, left),
            stride=geometry.stride,
            groups=geometry.groups,
            of="weight",
        ).float()
    padded = F.pad(maps, (left, right, top, bottom))
    width = MAX_FAST_FILTER_WIDTH if is_wide else weight.shape[3]
    columns = [
        _columns_gradient(gradient, padded, weight, geometry, (start, start + width))
        for start in range(0, weight.shape[3], width)
    ]
    return torch.cat(columns, dim=3).float()


def _columns_gradient(
    gradient: Tensor,
    padded: Tensor,
    weight: Tensor,
    geometry: ConvGeometry,
    columns: tuple[int, int],
) -> Tensor:
    """The gradient of some columns of all filters, of maps that have their padding."""
    part = weight[..., slice(*columns)].contiguous()
    length = (gradient.shape[3] - 1) * geometry.stride[1] + part.shape[3]
    window = padded[..., columns[0] : columns[0] + length]
    window = window.contiguous(memory_format=torch.channels_last)
    return convolution_backward(
        gradient,
        window,
        part,
        (0, 0),
        stride=geometry.stride,
        groups=geometry.groups,
        of="weight",
    )


def bias_gradient(gradient: Tensor) -> Tensor:
    """Of the bias, fp32.  One sum over images and positions is twice as slow in bf16 as two."""
    images = _rows(gradient).view(len(gradient), -1, gradient.shape[1])
    return images.sum(dim=1).sum(dim=0, dtype=torch.float32)


def convolution_backward(
    gradient: Tensor,
    maps: Tensor,
    weight: Tensor,
    padding: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    groups: int = 1,
    of: Literal["maps", "weight"],
) -> Tensor:
    """Torch's own gradient of the maps or of the weight, from that of a convolution's output."""
    settings = (stride, padding, (1, 1), False, (0, 0), groups)
    of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient,
        maps.to(gradient.dtype),
        weight,
        None,
        *settings,
        [of == "maps", of == "weight", False],
    )
    wanted: Tensor = of_maps if of == "maps" else of_weight
    return wanted


def symmetric(weight: Tensor, padding: Sides) -> tuple[Tensor, tuple[int, int]]:
    """Filters with zeros where padding is one-sided, and as much padding on both sides."""
    top, bottom, left, right = padding
    if top == bottom and left == right:
        return weight, (top, left)
    zeros = (max(right - left, 0), max(left - right, 0), max(bottom - top, 0), max(top - bottom, 0))
    return F.pad(weight, zeros), (max(top, bottom), max(left, right))


def _is_pointwise(weight: Tensor, geometry: ConvGeometry) -> bool:
    return (*weight.shape[2:], *geometry.stride, geometry.groups) == (1, 1, 1, 1, 1) and not any(
        geometry.padding
    )


def _is_depthwise(weight: Tensor, geometry: ConvGeometry) -> bool:
    """One filter a map, and padding that a window never lies wholly in."""
    top, bottom, left, right = geometry.padding
    fits = max(top, bottom) < weight.shape[2] and max(left, right) < weight.shape[3]
    return fits and len(weight) == geometry.groups > 1 == weight.shape[1]


def _rows(maps: Tensor) -> Tensor:
    """(N, C, H, W) channels last as (N * H * W, C), without a copy."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
