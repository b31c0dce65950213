"""Torch modules for the layers that torch.nn lacks.

They import nothing but torch, because `to_pytorch` copies their source into the user's program.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Normalise(nn.Module):
    """Pixel values 0..255 (N, C, H, W) to mean 0 and std 1; mean and std in units of 0..1."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; uint8 becomes the buffers' dtype."""
        return (x.to(self.mean.dtype) - self.mean * 255) / (self.std * 255)


class Pad2d(nn.Module):
    """Adds (top, bottom, left, right) cells: constant, reflect, replicate or circular."""

    def __init__(
        self, padding: tuple[int, int, int, int], mode: str = "constant", value: float = 0.0
    ) -> None:
        super().__init__()
        self.padding, self.mode, self.value = padding, mode, value

    def extra_repr(self) -> str:
        """The arguments in the module's repr."""
        return f"{self.padding}, mode={self.mode!r}, value={self.value}"

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, top + H + bottom, left + W + right)."""
        top, bottom, left, right = self.padding
        if self.mode == "constant":
            return F.pad(x, (left, right, top, bottom), value=self.value)
        if self.mode == "circular" and (
            max(top, bottom) > x.shape[2] or max(left, right) > x.shape[3]
        ):
            rows = torch.arange(-top, x.shape[2] + bottom, device=x.device) % x.shape[2]
            columns = torch.arange(-left, x.shape[3] + right, device=x.device) % x.shape[3]
            return x[:, :, rows][:, :, :, columns]
        padded: Tensor = F.pad(x, (left, right, top, bottom), mode=self.mode)
        return padded


class SamePad2d(nn.Module):
    """Pads so that windows of `window` cells moved by `stride` give ceil(n / stride) of them."""

    def __init__(
        self,
        window: tuple[int, int],
        stride: tuple[int, int],
        mode: str = "constant",
        value: float = 0.0,
    ) -> None:
        super().__init__()
        self.window, self.stride, self.mode, self.value = window, stride, mode, value

    def extra_repr(self) -> str:
        """The arguments in the module's repr."""
        return f"{self.window}, {self.stride}, mode={self.mode!r}, value={self.value}"

    def forward(self, x: Tensor) -> Tensor:
        """Pad, the odd cell at bottom and right."""
        sides: list[int] = []
        for length, window, stride in zip(x.shape[2:], self.window, self.stride, strict=True):
            total = max((-(-length // stride) - 1) * stride + window - length, 0)
            sides += [total // 2, total - total // 2]
        top, bottom, left, right = sides
        padded: Tensor = Pad2d((top, bottom, left, right), self.mode, self.value)(x)
        return padded


class FlippedConv2d(nn.Conv2d):
    """The mathematical convolution: the stored kernel is reversed on both axes when applied."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W)."""
        maps: Tensor = self._conv_forward(x, self.weight.flip(2, 3), self.bias)
        return maps


class PaddedPool2d(nn.Module):
    """Max or average pooling with different padding per side (None: same) and partial last windows.

    Max pads with minus infinity. Average counts padding as zeros unless `count_padding` is false;
    cells beyond the padding, which a partial last window covers, never count.
    """

    def __init__(
        self,
        function: str,
        size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int] | None,
        ceil: bool = False,
        count_padding: bool = True,
    ) -> None:
        super().__init__()
        self.function, self.size, self.stride, self.padding = function, size, stride, padding
        self.ceil, self.count_padding = ceil, count_padding

    def extra_repr(self) -> str:
        """The arguments in the module's repr."""
        return (
            f"{self.function!r}, {self.size}, {self.stride}, padding={self.padding}, "
            f"ceil={self.ceil}, count_padding={self.count_padding}"
        )

    def sides(self, axis: int, length: int) -> tuple[int, int, int]:
        """Padding before and after, and cells the last window extends beyond it, on one axis."""
        window, stride = self.size[axis], self.stride[axis]
        if self.padding is None:
            total = max((-(-length // stride) - 1) * stride + window - length, 0)
            return total // 2, total - total // 2, 0
        before, after = self.padding[2 * axis], self.padding[2 * axis + 1]
        if not self.ceil:
            return before, after, 0
        count = -((window - length - before - after) // stride) + 1
        if (count - 1) * stride >= length + before:
            count -= 1
        return before, after, max((count - 1) * stride + window - length - before - after, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the pooled maps."""
        top, bottom, below = self.sides(0, x.shape[2])
        left, right, beside = self.sides(1, x.shape[3])
        around = (left, right + beside, top, bottom + below)
        if self.function == "max":
            return F.max_pool2d(F.pad(x, around, value=float("-inf")), self.size, self.stride)
        mean = F.avg_pool2d(F.pad(x, around), self.size, self.stride)
        if self.count_padding and not below and not beside:
            return mean
        counted = torch.ones_like(x[:1, :1])
        if self.count_padding:
            counted = F.pad(counted, (left, right, top, bottom), value=1.0)
            counted = F.pad(counted, (0, beside, 0, below))
        else:
            counted = F.pad(counted, around)
        return mean / F.avg_pool2d(counted, self.size, self.stride)


class GlobalAvgPool2d(nn.Module):
    """The mean of each map: (N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Average."""
        return x.mean((2, 3))


class GlobalMaxPool2d(nn.Module):
    """The largest value of each map: (N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Maximum."""
        return x.amax((2, 3))


class LayerNorm2d(nn.LayerNorm):
    """Layer norm across the maps at each position of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        last = F.layer_norm(
            x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return last.permute(0, 3, 1, 2)


class SqueezeExcitation(nn.Module):
    """Scales each map by a factor that two dense layers compute from the means of all maps.

    activation: `relu` or `silu`.  gate: `sigmoid` or `hard_sigmoid`.
    """

    def __init__(
        self, channels: int, hidden: int, activation: str = "relu", gate: str = "sigmoid"
    ) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)
        self.activation, self.gate = activation, gate

    def extra_repr(self) -> str:
        """The functions in the module's repr."""
        return f"activation={self.activation!r}, gate={self.gate!r}"

    def factors(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the factor of each map in 0..1: (N, C)."""
        hidden = self.squeeze(x.mean((2, 3)))
        hidden = F.silu(hidden) if self.activation == "silu" else F.relu(hidden)
        scale: Tensor = self.excite(hidden)
        return F.hardsigmoid(scale) if self.gate == "hard_sigmoid" else scale.sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale the maps of (N, C, H, W)."""
        return x * self.factors(x)[:, :, None, None]


class LayerScale(nn.Module):
    """Multiplies each map of (N, C, H, W), or each value of (N, C), by a learned factor."""

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        return x * self.weight.to(x.dtype).reshape(-1, *[1] * (x.ndim - 2))


class ResidualBlock(nn.Module):
    """The input, projected where shapes differ, is added to the output of `layers`.

    stochastic_depth: in training, the fraction of images to whose input nothing is added.
    """

    def __init__(
        self, layers: nn.Module, projection: nn.Module | None = None, stochastic_depth: float = 0.0
    ) -> None:
        super().__init__()
        self.layers = layers
        self.projection = projection
        self.stochastic_depth = stochastic_depth

    def extra_repr(self) -> str:
        """The rate in the module's repr."""
        return f"stochastic_depth={self.stochastic_depth}" if self.stochastic_depth else ""

    def forward(self, x: Tensor) -> Tensor:
        """Add."""
        output: Tensor = self.layers(x)
        if self.training and self.stochastic_depth:
            kept = 1 - self.stochastic_depth
            mask = output.new_empty([x.shape[0]] + [1] * (output.ndim - 1))
            output = output * mask.bernoulli_(kept).div_(kept)
        return output + (x if self.projection is None else self.projection(x))


class ConcatBranches(nn.ModuleList):
    """Concatenates the outputs of branches that receive the same input."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate on the channel axis."""
        return torch.cat([branch(x) for branch in self], 1)
