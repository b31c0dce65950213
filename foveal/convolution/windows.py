"""The sliding window: the size of the output, padding, every window, their sums and pools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from foveal.convolution.settings import USUAL_SETTINGS, IntPair, WindowSettings
from foveal.errors import UsageError
from foveal.network import geometry

Array = np.ndarray
MAX_VALUE = 1e100
"""Of a feature map: sums and differences of its values are finite numbers."""


@dataclass(frozen=True)
class WindowStep:
    """One output cell: its row and column, the window, the products and their sum."""

    row: int
    column: int
    window: Array
    products: Array
    sum: float


def output_size(size: IntPair, kernel: IntPair, settings: WindowSettings) -> IntPair:
    """Cells of the output, [height, width]; raises UsageError where nothing would be left.

    The error names the padding that would keep the map's size.
    """
    top, bottom, left, right = settings.padding
    window = geometry.dilated_size(kernel, settings.dilation)
    height = geometry.window_count(size[0] + top + bottom, window[0], settings.stride[0])
    width = geometry.window_count(size[1] + left + right, window[1], settings.stride[1])
    if height < 1 or width < 1:
        sufficient = geometry.resolve_padding("same", size, window, settings.stride)
        raise UsageError(
            f"a {kernel[0]}x{kernel[1]} filter leaves nothing of a {size[0]}x{size[1]} input with "
            f"padding {list(settings.padding)}; use padding {list(sufficient)} "
            "[top, bottom, left, right]"
        )
    return height, width


def formula(size: IntPair, kernel: IntPair, settings: WindowSettings) -> tuple[str, str]:
    """The output height and the output width, each as a formula with its numbers filled in."""
    top, bottom, left, right = settings.padding
    output = output_size(size, kernel, settings)
    lines = []
    for axis, (low, high) in enumerate(((top, bottom), (left, right))):
        n, k, s, d = size[axis], kernel[axis], settings.stride[axis], settings.dilation[axis]
        extent = f"{d}*({k} - 1) - 1" if d > 1 else f"{k}"
        lines.append(f"floor(({n} + {low} + {high} - {extent}) / {s}) + 1 = {output[axis]}")
    return lines[0], lines[1]


def pad(image: Array, settings: WindowSettings) -> Array:
    """`image` (H, W) with the padding around it: (top + H + bottom, left + W + right).

    Raises UsageError where reflection or wrapping needs more cells than there are.
    """
    top, bottom, left, right = settings.padding
    height, width = image.shape
    limits = {"reflect": (height - 1, width - 1), "circular": (height, width)}.get(
        settings.padding_mode
    )
    if limits and (max(top, bottom) > limits[0] or max(left, right) > limits[1]):
        raise UsageError(
            f"{settings.padding_mode} padding {list(settings.padding)} needs more cells than the "
            f"{height}x{width} input has; take at most {limits[0]} and {limits[1]}, "
            "or constant padding"
        )
    around = ((top, bottom), (left, right))
    if settings.padding_mode == "constant":
        return np.pad(image, around, constant_values=settings.padding_value)
    if settings.padding_mode == "reflect":
        return np.pad(image, around, mode="reflect")
    return np.pad(image, around, mode="wrap" if settings.padding_mode == "circular" else "edge")


def windows(image: Array, kernel: IntPair, settings: WindowSettings) -> Array:
    """Every window of the padded (H, W) image: (rows, columns, kernel height, kernel width)."""
    output_size((image.shape[0], image.shape[1]), kernel, settings)
    (kh, kw), (dh, dw) = kernel, settings.dilation
    view = sliding_window_view(pad(image, settings), (dh * (kh - 1) + 1, dw * (kw - 1) + 1))
    return view[:: settings.stride[0], :: settings.stride[1], ::dh, ::dw]


def convolve(image: Array, kernel: Array, settings: WindowSettings = USUAL_SETTINGS) -> Array:
    """The feature map of `kernel` over `image` (H, W): float64 (rows, columns).

    As in deep learning this is cross-correlation; with `flip` the kernel is rotated by 180
    degrees first, the mathematical convolution sum over f(a) g(x - a).  Raises UsageError for
    values beyond MAX_VALUE.
    """
    flipped = kernel[::-1, ::-1] if settings.flip else kernel
    shape = (kernel.shape[0], kernel.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.einsum("ijkl,kl->ij", windows(image.astype(float), shape, settings), flipped)
    if not (np.abs(values) <= MAX_VALUE).all():
        raise UsageError(
            f"the feature map has values that are no numbers, or beyond {MAX_VALUE:g}; give an "
            "image, a kernel and a padding value of smaller numbers"
        )
    return cast(Array, values)


def steps(
    image: Array, kernel: Array, settings: WindowSettings = USUAL_SETTINGS
) -> Iterator[WindowStep]:
    """The same, one output cell at a time, row by row."""
    flipped = kernel[::-1, ::-1] if settings.flip else kernel
    shape = (kernel.shape[0], kernel.shape[1])
    all_windows = windows(image.astype(float), shape, settings)
    for row, column in np.ndindex(all_windows.shape[:2]):
        window = all_windows[row, column]
        products = window * flipped
        yield WindowStep(row, column, window, products, float(products.sum()))


def pool(image: Array, kind: Literal["max", "avg"], size: IntPair) -> Array:
    """The largest value, or the mean, of each window of (H, W); windows lie side by side.

    Raises UsageError for a window that is larger than the map.
    """
    height, width = image.shape
    if size[0] > height or size[1] > width:
        raise UsageError(
            f"a {size[0]}x{size[1]} pooling leaves nothing of a {height}x{width} map; give a "
            "smaller one"
        )
    pooled = windows(image, size, WindowSettings(stride=size))
    return cast(Array, pooled.max((2, 3)) if kind == "max" else pooled.mean((2, 3)))
