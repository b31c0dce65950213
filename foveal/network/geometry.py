"""Sizes of maps: how padding, windows, strides and dilation turn one length into another."""

from __future__ import annotations

from typing import Literal

Sides = tuple[int, int, int, int]
"""Cells of padding at top, bottom, left, right."""


def dilated_size(kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """Cells (height, width) a dilated kernel spans."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def same_padding(length: int, window: int, stride: int) -> tuple[int, int]:
    """Cells before and after so that ceil(length / stride) windows fit; the odd one comes after."""
    windows = -(-length // stride)
    total = max((windows - 1) * stride + window - length, 0)
    return total // 2, total - total // 2


def resolve_padding(
    padding: Sides | Literal["same", "valid"],
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
) -> Sides:
    """The cells a `padding` adds around a map of `size` (height, width)."""
    if padding == "same":
        top, bottom = same_padding(size[0], window[0], stride[0])
        left, right = same_padding(size[1], window[1], stride[1])
        return top, bottom, left, right
    return (0, 0, 0, 0) if padding == "valid" else padding


def window_count(length: int, window: int, stride: int) -> int:
    """Windows that fit wholly into `length` cells (0 or less where none does)."""
    return (length - window) // stride + 1


def window_count_ceil(length: int, before: int, after: int, window: int, stride: int) -> int:
    """Windows when the last may extend beyond the end; it must start before the padding there."""
    count = -((window - length - before - after) // stride) + 1
    return count - 1 if (count - 1) * stride >= length + before else count


def same_padding_is_symmetric(window: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether `same` adds equally before and after whatever the map's size is."""
    return stride == (1, 1) and window[0] % 2 == 1 and window[1] % 2 == 1
