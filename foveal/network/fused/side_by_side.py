"""Convolutions whose weight gradient is computed with several images side by side.

oneDNN 3.12 computes it on 16-bit tiles row by row of an image, and a tile has 32 positions: where
maps are narrower, most of it is empty. Rows of several images with zeros between them fill it: 2.2
times the speed for 256 maps of 7x7, 4 times for 3x3 (docs/design-notes.md).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from foveal.network.fused.convolution_gradients import convolution_backward

TILE_POSITIONS = 32
"""Of a row that one instruction multiplies."""
MAX_WIDTH = 8
"""Of wider maps placing them side by side costs what it saves (15x15: nothing won)."""
MAX_ROW_POSITIONS = 64
"""Images are placed side by side up to so many positions."""


def share_weight_gradients(module: nn.Module) -> nn.Module:
    """A copy, on the very same tensors, whose `same` convolutions of stride 1 work as said above.

    It is in training mode and stays there when `module` is switched.
    """
    tensors = (*module.parameters(), *module.buffers())
    copy = deepcopy(module, {id(tensor): tensor for tensor in tensors}).train()
    for name, layer in list(copy.named_modules()):
        if _is_supported(layer):
            copy.set_submodule(name, _SideBySideConv2d(layer))
    return copy


def _is_supported(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Conv2d
        and layer.weight.requires_grad
        and layer.bias is None
        and layer.groups == 1
        and layer.stride == layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.kernel_size[0] > 1
        and layer.padding == tuple(side // 2 for side in layer.kernel_size)
        and all(side % 2 for side in layer.kernel_size)
    )


class _SideBySideConv2d(nn.Module):
    """The convolution of `layer`, in autocast's dtype where it is on."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, nn.Conv2d)
        self.weight = layer.weight

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to maps of the same height and width."""
        if torch.is_autocast_enabled("cpu"):
            maps = maps.to(torch.get_autocast_dtype("cpu"))
        with torch.autocast("cpu", enabled=False):
            return side_by_side_conv(maps, self.weight)

    def extra_repr(self) -> str:
        """The shape of the filters in the module's repr."""
        return str(tuple(self.weight.shape))


def side_by_side_conv(maps: Tensor, weight: Tensor) -> Tensor:
    """(N, C, H, W) convolved with odd filters, padded with zeros to the same height and width.

    weight: (filters, C, rows, columns) of any dtype, its gradient has it too.
    """
    apply = cast("Callable[..., Tensor]", _SideBySideConv.apply)
    return apply(maps, weight)


class _SideBySideConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor) -> Tensor:
        maps = maps.contiguous(memory_format=torch.channels_last)
        ctx.weight_dtype = weight.dtype
        weight = weight.to(maps.dtype)
        ctx.save_for_backward(maps, weight)
        output: Tensor = torch.conv2d(maps, weight, padding=_padding(weight))
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        maps, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_maps, of_weight = None, None
        if ctx.needs_input_grad[0]:
            of_maps = convolution_backward(gradient, maps, weight, _padding(weight), of="maps")
        if ctx.needs_input_grad[1]:
            images, cell = images_side_by_side(maps.shape[3], weight.shape[3])
            packed = gradient, maps
            if images > 1:
                packed = _pack(gradient, images, cell), _pack(maps, images, cell)
            of_weight = convolution_backward(*packed, weight, _padding(weight), of="weight")
            of_weight = of_weight.to(ctx.weight_dtype)
        return of_maps, of_weight


def images_side_by_side(width: int, filter_width: int) -> tuple[int, int]:
    """How many images of that width a row takes, and the columns of each with its zeros."""
    cell = width + filter_width // 2
    if width > MAX_WIDTH:
        return 1, cell

    def used_share(images: int) -> float:
        tiles = -(-images * cell // TILE_POSITIONS)
        return images * width / (tiles * TILE_POSITIONS)

    return max(range(1, max(1, MAX_ROW_POSITIONS // cell) + 1), key=used_share), cell


def _pack(maps: Tensor, images: int, cell: int) -> Tensor:
    """(N, C, H, W) as (ceil(N / images), C, H, images * cell): zeros behind each and at the end."""
    count, channels, height, width = maps.shape
    whole, left = divmod(count, images)
    packed = maps.new_empty((whole + (left > 0), height, images, cell, channels))
    packed[:, :, :, width:] = 0
    rows = maps.permute(0, 2, 3, 1)
    groups = rows[: whole * images].reshape(whole, images, height, width, channels)
    packed[:whole, :, :, :width] = groups.transpose(1, 2)
    if left:
        packed[whole, :, :left, :width] = rows[whole * images :].transpose(0, 1)
        packed[whole, :, left:] = 0
    return packed.flatten(2, 3).permute(0, 3, 1, 2)


def _padding(weight: Tensor) -> tuple[int, int]:
    return weight.shape[2] // 2, weight.shape[3] // 2
