"""Preprocessing inside the graph: resizes images of any size to the input size as Pillow does.

Resizing is two matrix products whose weights are Pillow's (antialiased; bicubic with a = -0.5),
computed in the graph from the image size, each followed by rounding to 8 bits: the same levels as
Pillow but for ties, and for tall images, where Pillow resizes the other axis first.  The Resize
operator of runtimes differs by several levels everywhere.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor, nn

from foveal.images.resize import crop_target
from foveal.spec.preprocess import Input, Preprocess


class ResizeToInput(nn.Module):
    """uint8 (N, h, w, C) of any size to integer levels float32 (N, C, height, width)."""

    background: Tensor

    def __init__(self, input: Input, preprocess: Preprocess) -> None:
        super().__init__()
        self.size = (input.height, input.width)
        self.fit = preprocess.fit
        self.kernel = _KERNELS[preprocess.interpolation]
        fraction = preprocess.crop_fraction
        self.target = crop_target(self.size, fraction) if fraction < 1 else None
        mode = "L" if input.channels == 1 else "RGB"
        level = Image.new("RGB", (1, 1), preprocess.background).convert(mode).getpixel((0, 0))
        levels = level if isinstance(level, tuple) else (level,)
        values = torch.tensor([float(value or 0) for value in levels])
        self.register_buffer("background", values.view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Crop, pad or squash."""
        size = (_axis_length(pixels, 1), _axis_length(pixels, 2))
        rows, row_inside = self._weights(size, 0)
        columns, column_inside = self._weights(size, 1)
        maps = pixels.permute(0, 3, 1, 2).float()
        maps = _round_to_levels(maps @ columns.t())
        maps = _round_to_levels(rows @ maps)
        if self.fit != "pad":
            return maps
        inside = row_inside[:, None] & column_inside[None, :]
        return torch.where(inside, maps, self.background)

    def _weights(self, size: tuple[Tensor, Tensor], axis: int) -> tuple[Tensor, Tensor]:
        """Weights float32 (output, input) of one axis, and which output cells the image covers."""
        cells = torch.arange(self.size[axis], dtype=torch.float64)
        first, span, count, offset = self._source_box(size, axis)
        step = span / count
        centre = first + (cells - offset + 0.5) * step
        support = step.clamp(min=1.0)
        position = torch.cumsum(size[axis], 0) - 0.5
        weights = self.kernel((position[None, :] - centre[:, None]) / support)
        total = weights.sum(1, keepdim=True)
        weights = weights / torch.where(total == 0, torch.ones_like(total), total)
        return weights.float(), (cells >= offset) & (cells < offset + count)

    def _source_box(
        self, size: tuple[Tensor, Tensor], axis: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Start and length of the source crop; count and first of the output cells it becomes."""
        length, output = size[axis].sum(), float(self.size[axis])
        zero, full = length * 0, length * 0 + output
        ratios = [size[side].sum() / float(self.size[side]) for side in (0, 1)]
        if self.target is not None:
            return (*_kept_part(size, self.size, self.target, axis), full, zero)
        if self.fit == "crop":
            span = torch.minimum(ratios[0], ratios[1]) * output
            return ((length - span) / 2).clamp(min=0.0), span, full, zero
        if self.fit == "squash":
            return zero, length, full, zero
        scale = torch.minimum(1 / ratios[0], 1 / ratios[1])
        count = torch.minimum((length * scale).round().clamp(min=1.0), full)
        return zero, length, count, ((full - count) / 2).floor()


def _kept_part(
    size: tuple[Tensor, Tensor], kept: tuple[int, int], target: tuple[int, int], axis: int
) -> tuple[Tensor, Tensor]:
    """Start and length of what images.resize keeps of an axis when it resizes and cuts."""
    length, other = size[axis].sum(), size[1 - axis].sum()
    own_target, other_target = float(target[axis]), float(target[1 - axis])
    longer = (other_target * length / other).floor()
    whole = torch.where(own_target * other >= other_target * length, own_target, longer)
    start = ((whole - kept[axis]) / 2).round()
    return start * length / whole, kept[axis] * length / whole


def _axis_length(pixels: Tensor, axis: int) -> Tensor:
    """As many ones, float64, as there are cells on that axis: a size the graph can compute with."""
    return torch.ones(pixels.shape[axis], dtype=torch.float64)


def _bicubic_kernel(distance: Tensor) -> Tensor:
    """Keys' kernel with a = -0.5, as in Pillow."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _bilinear_kernel(distance: Tensor) -> Tensor:
    """The triangle."""
    return (1 - distance.abs()).clamp(min=0.0)


_KERNELS = {"bicubic": _bicubic_kernel, "bilinear": _bilinear_kernel}


def _round_to_levels(values: Tensor) -> Tensor:
    """Round half up to integer levels 0..255."""
    return (values + 0.5).floor().clamp(0.0, 255.0)
