"""Pooling: the largest value or the mean of each window, or of each map."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from foveal.spec.values import FourSides, Layer, Pair


class Pool(Layer):
    """The parameters of max and average pooling: windows of `size` cells moved by `stride`.

    size, stride: [height, width] in cells; stride None means the window's size.
    padding: cells [top, bottom, left, right], `same` (output = ceil(n / stride)) or `valid`.
    ceil: a last window may extend beyond the end; cells that do not exist do not count.
    """

    shorthand = "size"

    size: Pair
    stride: Pair | None = None
    padding: FourSides | Literal["same", "valid"] = (0, 0, 0, 0)
    ceil: bool = False

    @model_validator(mode="after")
    def _check_padding(self) -> Pool:
        if not isinstance(self.padding, str):
            top, bottom, left, right = self.padding
            if max(top, bottom) >= self.size[0] or max(left, right) >= self.size[1]:
                raise ValueError(
                    f"padding {list(self.padding)} must be smaller than the window "
                    f"{self.size[0]}x{self.size[1]} on every side, "
                    "else a window covers only padding"
                )
        return self


class MaxPool(Pool):
    """The largest value of each window; padding is minus infinity."""

    kind = "max_pool"


class AvgPool(Pool):
    """The mean of each window; padding counts as zeros unless `count_padding` is false."""

    kind = "avg_pool"

    count_padding: bool = True


class GlobalMaxPool(Layer):
    """The largest value of each map: (channels, h, w) to (channels)."""

    kind = "global_max_pool"


class GlobalAvgPool(Layer):
    """The mean of each map: (channels, h, w) to (channels)."""

    kind = "global_avg_pool"
