"""A convolution with its padding, bias, addition and activation as one operation of oneDNN.

The backward pass needs no more than the output. Two of oneDNN's own gradients are slow and are
computed by faster ones of it: the weight gradient of depthwise filters wider than three cells
(11 times), and the gradient of the maps of a depthwise convolution in bf16 (up to 60 times;
docs/design-notes.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from foveal.network.geometry import Sides

FusedActivation = Literal["none", "relu", "relu6"]

MAX_FAST_FILTER_WIDTH = 3
"""oneDNN 3.12 computes the weight gradient of depthwise filters in vectors up to this width."""
MAX_MATMUL_POSITIONS = 4096
"""Up to so many positions a matrix product is the faster weight gradient of a 1x1 convolution."""
_POST_OPERATIONS: dict[FusedActivation, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}


@dataclass(frozen=True)
class ConvGeometry:
    """stride: [height, width].  padding: zeros [top, bottom, left, right].  groups: of maps."""

    stride: tuple[int, int]
    padding: Sides
    groups: int


def is_available() -> bool:
    """Whether this torch has oneDNN with joined operations."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_onednn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def fused_conv(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    added: Tensor | None,
    geometry: ConvGeometry,
    activation: FusedActivation,
) -> Tensor:
    """Convolved (N, C, H, W) maps plus bias and `added`, then activated, in the maps' dtype.

    weight, bias: of any dtype, their gradients have it too.  added: only without activation.
    """
    apply = cast("Callable[..., Tensor]", _FusedConv.apply)
    return apply(maps, weight, bias, added, geometry, activation)


class _FusedConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        added: Tensor | None,
        geometry: ConvGeometry,
        activation: FusedActivation,
    ) -> Tensor:
        maps = maps.contiguous(memory_format=torch.channels_last)
        weight = weight.to(maps.dtype)
        bias = None if bias is None else bias.to(maps.dtype)
        output = _convolve(maps, weight, bias, added, geometry, activation)
        ctx.save_for_backward(maps, weight, output if activation != "none" else None)
        ctx.geometry, ctx.activation = geometry, activation
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, output = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        gradient = _before_activation(gradient, output, ctx.activation)
        needs_maps, needs_weight, needs_bias, needs_added, *_ = ctx.needs_input_grad
        return (
            _maps_gradient(gradient, maps, weight, ctx.geometry) if needs_maps else None,
            _weight_gradient(gradient, maps, weight, ctx.geometry) if needs_weight else None,
            _bias_gradient(gradient) if needs_bias else None,
            gradient if needs_added else None,
            None,
            None,
        )


def _convolve(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    added: Tensor | None,
    geometry: ConvGeometry,
    activation: FusedActivation,
) -> Tensor:
    weight, padding = _symmetric(weight, geometry.padding)
    settings = (padding, geometry.stride, (1, 1), geometry.groups)
    # names of torch's own compiler, checked with torch 2.13; the tests compare every use
    if added is not None:
        assert activation == "none"
        added = added.to(maps.dtype).contiguous(memory_format=torch.channels_last)
        operation = torch.ops.mkldnn._convolution_pointwise.binary
        summed: Tensor = operation(maps, added, weight, bias, *settings, "add", 1.0, None, [], None)
        return summed
    name, limits = _POST_OPERATIONS[activation]
    output: Tensor = torch.ops.mkldnn._convolution_pointwise(
        maps, weight, bias, *settings, name, limits, ""
    )
    return output


def _symmetric(weight: Tensor, padding: Sides) -> tuple[Tensor, tuple[int, int]]:
    """Filters with zeros where padding is one-sided, and as much padding on both sides."""
    top, bottom, left, right = padding
    if top == bottom and left == right:
        return weight, (top, left)
    zeros = (max(right - left, 0), max(left - right, 0), max(bottom - top, 0), max(top - bottom, 0))
    return F.pad(weight, zeros), (max(top, bottom), max(left, right))


def _before_activation(gradient: Tensor, output: Tensor, activation: FusedActivation) -> Tensor:
    """The gradient before the activation, from the maps after it."""
    if activation == "relu":
        before: Tensor = torch.ops.aten.threshold_backward(gradient, output, 0.0)
        return before
    if activation == "relu6":
        before = torch.ops.aten.hardtanh_backward(gradient, output, 0.0, 6.0)
        return before
    return gradient


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


def _maps_gradient(
    gradient: Tensor, maps: Tensor, weight: Tensor, geometry: ConvGeometry
) -> Tensor:
    if _is_pointwise(weight, geometry):
        rows = _rows(gradient) @ weight.flatten(1)
        return rows.view(len(maps), *maps.shape[2:], -1).permute(0, 3, 1, 2)
    if _is_depthwise(weight, geometry):
        return _depthwise_maps_gradient(gradient, maps, weight, geometry)
    weight, padding = _symmetric(weight, geometry.padding)
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


def _weight_gradient(
    gradient: Tensor, maps: Tensor, weight: Tensor, geometry: ConvGeometry
) -> Tensor:
    """fp32."""
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


def _bias_gradient(gradient: Tensor) -> Tensor:
    """The sum over images and positions, fp32; one sum over both is twice as slow in bf16."""
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
