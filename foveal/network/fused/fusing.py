"""A module whose convolutions do the work of the layers around them in the same pass.

Padding before a convolution, its activation and the addition of a residual block join it, on the
CPU. Weights keep their names and stay the same tensors.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from foveal.network.blocks import Pad2d, ResidualBlock, SamePad2d
from foveal.network.fused import kernels
from foveal.network.fused.convolution_gradients import ConvGeometry
from foveal.network.fused.kernels import FusedActivation, fused_conv
from foveal.network.geometry import Sides, resolve_padding


class FusedConv2d(nn.Module):
    """A convolution with the padding before and the activation after it."""

    def __init__(
        self, layer: nn.Conv2d, pad: nn.Module | None, activation: FusedActivation
    ) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.stride = (layer.stride[0], layer.stride[1])
        self.groups = layer.groups
        self.activation: FusedActivation = activation
        self.padding: Sides | None = None
        if isinstance(pad, Pad2d):
            self.padding = pad.padding
        elif pad is None:
            assert not isinstance(layer.padding, str)
            rows, columns = layer.padding
            self.padding = (rows, rows, columns, columns)

    def forward(self, maps: Tensor, added: Tensor | None = None) -> Tensor:
        """(N, C, H, W) to maps, in autocast's dtype where it is on; `added` is added to them."""
        if torch.is_autocast_enabled("cpu"):
            maps = maps.to(torch.get_autocast_dtype("cpu"))
        padding = self.padding
        if padding is None:
            size = (maps.shape[2], maps.shape[3])
            window = (self.weight.shape[2], self.weight.shape[3])
            padding = resolve_padding("same", size, window, self.stride)
        geometry = ConvGeometry(self.stride, padding, self.groups)
        with torch.autocast("cpu", enabled=False):
            return fused_conv(maps, self.weight, self.bias, added, geometry, self.activation)

    def extra_repr(self) -> str:
        """What is joined, in the module's repr."""
        return f"{tuple(self.weight.shape)}, stride={self.stride}, {self.activation}"


class _FusedResidual(ResidualBlock):
    """A residual block whose last convolution adds the input."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to maps."""
        assert isinstance(self.layers, nn.Sequential)
        kept = x if self.projection is None else self.projection(x)
        *first, last = (layer for layer in self.layers if not isinstance(layer, nn.Identity))
        for layer in first:
            x = layer(x)
        added: Tensor = last(x, kept)
        return added


def fuse_convolutions(module: nn.Module) -> nn.Module:
    """A copy with joined operations; the copy alone where the CPU or torch has none."""
    fused = deepcopy(module)
    is_on_cpu = all(parameter.device.type == "cpu" for parameter in fused.parameters())
    if not (kernels.is_available() and is_on_cpu):
        return fused
    for parent in list(fused.modules()):
        if isinstance(parent, nn.Sequential):
            _fuse_sequence(parent)
    for parent in list(fused.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is ResidualBlock and _ends_with_convolution(child.layers):
                setattr(parent, name, _FusedResidual(child.layers, child.projection))
    return fused


def _fuse_sequence(sequence: nn.Sequential) -> None:
    children = [
        (name, child)
        for name, child in sequence.named_children()
        if not isinstance(child, nn.Identity)
    ]
    for place, (name, layer) in enumerate(children):
        if not _is_fusable(layer):
            continue
        assert isinstance(layer, nn.Conv2d)
        pad_name, pad = children[place - 1] if place else ("", None)
        is_padded = pad is not None and _is_zero_padding(pad) and not any(layer.padding)
        next_name, following = children[place + 1] if place + 1 < len(children) else ("", None)
        activation = _activation(following)
        setattr(sequence, name, FusedConv2d(layer, pad if is_padded else None, activation))
        if is_padded:
            setattr(sequence, pad_name, nn.Identity())
        if activation != "none":
            setattr(sequence, next_name, nn.Identity())


def _activation(layer: nn.Module | None) -> FusedActivation:
    if isinstance(layer, nn.ReLU6):
        return "relu6"
    return "relu" if isinstance(layer, nn.ReLU) else "none"


def _is_fusable(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Conv2d
        and layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and layer.weight.dtype == torch.float32
    )


def _is_zero_padding(pad: nn.Module) -> bool:
    return isinstance(pad, Pad2d | SamePad2d) and pad.mode == "constant" and not pad.value


def _ends_with_convolution(layers: nn.Module) -> bool:
    children = [child for child in layers.children() if not isinstance(child, nn.Identity)]
    last = children[-1] if children else None
    return isinstance(last, FusedConv2d) and last.activation == "none"
