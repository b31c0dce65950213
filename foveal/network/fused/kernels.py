"""A convolution with its padding, bias, addition and activation as one operation of oneDNN.

The backward pass needs no more than the output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from torch import Tensor

from foveal.network.fused.convolution_gradients import (
    ConvGeometry,
    bias_gradient,
    maps_gradient,
    symmetric,
    weight_gradient,
)

FusedActivation = Literal["none", "relu", "relu6"]

_POST_OPERATIONS: dict[FusedActivation, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}


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
            maps_gradient(gradient, maps, weight, ctx.geometry) if needs_maps else None,
            weight_gradient(gradient, maps, weight, ctx.geometry) if needs_weight else None,
            bias_gradient(gradient) if needs_bias else None,
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
    weight, padding = symmetric(weight, geometry.padding)
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


def _before_activation(gradient: Tensor, output: Tensor, activation: FusedActivation) -> Tensor:
    """The gradient before the activation, from the maps after it."""
    if activation == "relu":
        before: Tensor = torch.ops.aten.threshold_backward(gradient, output, 0.0)
        return before
    if activation == "relu6":
        before = torch.ops.aten.hardtanh_backward(gradient, output, 0.0, 6.0)
        return before
    return gradient
