"""The preprocess inside the graph: images of any size brought to the input as Pillow does it.

Knows nothing of models.  Resizing is written as two matrix products whose weights are Pillow's
bicubic ones (antialiased, a = -0.5), computed in the graph from the image's size, each followed
by rounding to 8 bits: the same levels as Pillow's but for ties, and for tall images, where
Pillow takes the other axis first.  A runtime's own Resize differs by several levels everywhere.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor, nn

from foveal.spec.preprocess import Input, Preprocess


class ResizeToInput(nn.Module):
    """uint8 (N, h, w, C) of any size to whole levels float32 (N, C, height, width)."""

    background: Tensor

    def __init__(self, input: Input, preprocess: Preprocess) -> None:
        super().__init__()
        self.size = (input.height, input.width)
        self.fit = preprocess.fit
        mode = "L" if input.channels == 1 else "RGB"
        level = Image.new("RGB", (1, 1), preprocess.background).convert(mode).getpixel((0, 0))
        levels = level if isinstance(level, tuple) else (level,)
        values = torch.tensor([float(value or 0) for value in levels])
        self.register_buffer("background", values.view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Crop, pad or squash."""
        have = (_length(pixels, 1), _length(pixels, 2))
        rows, row_inside = self._weights(have, 0)
        columns, column_inside = self._weights(have, 1)
        maps = pixels.permute(0, 3, 1, 2).float()
        maps = _levels(maps @ columns.t())
        maps = _levels(rows @ maps)
        if self.fit != "pad":
            return maps
        inside = row_inside[:, None] & column_inside[None, :]
        return torch.where(inside, maps, self.background)

    def _weights(self, have: tuple[Tensor, Tensor], axis: int) -> tuple[Tensor, Tensor]:
        """Weights (wanted, had) float32 of one axis, and which wanted cells the image covers."""
        wanted = self.size[axis]
        cells = torch.arange(wanted, dtype=torch.float64)
        first, span, count, offset = self._box(have, axis)
        step = span / count
        centre = first + (cells - offset + 0.5) * step
        reach = step.clamp(min=1.0)
        position = torch.cumsum(have[axis], 0) - 0.5
        weights = _bicubic((position[None, :] - centre[:, None]) / reach)
        total = weights.sum(1, keepdim=True)
        weights = weights / torch.where(total == 0, torch.ones_like(total), total)
        return weights.float(), (cells >= offset) & (cells < offset + count)

    def _box(self, have: tuple[Tensor, Tensor], axis: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """First cell and length of what is taken; number of cells it becomes and the first one."""
        length, wanted = have[axis].sum(), float(self.size[axis])
        nothing, whole = length * 0, length * 0 + wanted
        ratios = [have[side].sum() / float(self.size[side]) for side in (0, 1)]
        if self.fit == "crop":
            span = torch.minimum(ratios[0], ratios[1]) * wanted
            return ((length - span) / 2).clamp(min=0.0), span, whole, nothing
        if self.fit == "squash":
            return nothing, length, whole, nothing
        scale = torch.minimum(1 / ratios[0], 1 / ratios[1])
        count = torch.minimum((length * scale).round().clamp(min=1.0), whole)
        return nothing, length, count, ((whole - count) / 2).floor()


def _length(pixels: Tensor, axis: int) -> Tensor:
    """As many ones, float64, as there are cells on that axis: a size the graph can compute with."""
    return torch.ones(pixels.shape[axis], dtype=torch.float64)


def _bicubic(distance: Tensor) -> Tensor:
    """Keys' kernel with a = -0.5, as Pillow has it."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _levels(values: Tensor) -> Tensor:
    """Rounded half up to whole levels 0..255."""
    return (values + 0.5).floor().clamp(0.0, 255.0)
