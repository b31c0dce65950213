"""Convolution step by step in plain numpy: kernels, padding, the output size, every window.

Knows nothing of networks, of torch or of files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from foveal.errors import UsageError
from foveal.text import nearest

PaddingMode = Literal["constant", "reflect", "replicate", "circular"]
IntPair = tuple[int, int]
PaddingSides = tuple[int, int, int, int]
Array = np.ndarray

PADDING_MODES: tuple[PaddingMode, ...] = ("constant", "reflect", "replicate", "circular")
ACTIVATIONS = ("none", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "hard_swish")
KERNELS = ("identity", "blur", "sharpen", "sobel-x", "sobel-y", "laplacian", "gabor")


@dataclass(frozen=True)
class WindowSettings:
    """How a filter moves: stride [height, width], padding [top, bottom, left, right], its kind."""

    stride: IntPair = (1, 1)
    padding: PaddingSides = (0, 0, 0, 0)
    padding_mode: PaddingMode = "constant"
    padding_value: float = 0.0
    dilation: IntPair = (1, 1)
    flip: bool = False


@dataclass(frozen=True)
class WindowStep:
    """One output cell: where it is, the window it saw, the products and their sum."""

    row: int
    column: int
    window: Array
    products: Array
    sum: float


def named_kernel(name: str, size: int = 3) -> Array:
    """The filter called `name`, float64 (size, size); `size` is odd, 1 to 31.

    Sobel is the binomial smoothing times the binomial derivative (3x3: Sobel and Feldman, 1968);
    gabor has its wave along the width, one wave a kernel.  Raises UsageError for another name
    or size.
    """
    if name not in KERNELS:
        raise UsageError(
            f"no kernel is called {name!r}{nearest(name, KERNELS)}; "
            f"take one of {', '.join(KERNELS)}, or numbers such as '0 1 0; 1 -4 1; 0 1 0'"
        )
    if size % 2 == 0 or not 1 <= size <= 31:
        raise UsageError(f"the kernel size is {size}; take an odd number from 1 to 31")
    if size == 1:
        return np.ones((1, 1))
    return _made(name, size)


def _made(name: str, size: int) -> Array:
    middle = size // 2
    spot = np.zeros((size, size))
    spot[middle, middle] = 1.0
    if name == "identity":
        return spot
    if name == "blur":
        return np.full((size, size), 1 / size**2)
    if name == "sharpen":
        return np.asarray(spot + _cross(size))
    if name == "laplacian":
        return -_cross(size)
    if name == "gabor":
        return _gabor(size)
    smooth = np.array([math.comb(size - 1, k) for k in range(size)], float)
    slope = np.convolve([math.comb(size - 3, k) for k in range(size - 2)], [-1.0, 0.0, 1.0])
    sobel = np.outer(smooth, slope)
    return sobel if name == "sobel-x" else sobel.T


def _cross(size: int) -> Array:
    cross = np.zeros((size, size))
    cross[size // 2, :] = -1.0
    cross[:, size // 2] = -1.0
    cross[size // 2, size // 2] = 2.0 * (size - 1)
    return cross


def _gabor(size: int) -> Array:
    axis = np.arange(size) - size // 2
    wave = np.cos(2 * np.pi * axis / size)
    bell = np.exp(-(axis**2) / (2 * (size / 4) ** 2))
    kernel = np.outer(bell, bell * wave)
    return cast(Array, kernel - kernel.mean())


def parse_kernel(text: str) -> Array:
    """The filter written as rows of numbers, `'0 1 0; 1 -4 1; 0 1 0'`; float64 (rows, columns).

    Raises UsageError where rows differ in length or something is not a finite number.
    """
    try:
        rows = [[float(cell) for cell in row.replace(",", " ").split()] for row in text.split(";")]
        kernel = np.array(rows, float)
    except ValueError:
        kernel = np.zeros(0)
    if kernel.ndim != 2 or not kernel.size or not np.isfinite(kernel).all():
        raise UsageError(
            f"the kernel {text!r} is not rows of numbers of one length; "
            "write it like '0 1 0; 1 -4 1; 0 1 0'"
        )
    return kernel


def same_padding(
    size: IntPair, kernel: IntPair, stride: IntPair, dilation: IntPair = (1, 1)
) -> PaddingSides:
    """The padding that gives ceil(n / stride) cells; the odd cell is at the bottom and right."""
    sides: list[int] = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        sides += [total // 2, total - total // 2]
    return sides[0], sides[1], sides[2], sides[3]


def output_size(size: IntPair, kernel: IntPair, sliding: WindowSettings) -> IntPair:
    """Cells of the output, [height, width]; raises UsageError where nothing would be left.

    The error names the padding that would keep the map's size.
    """
    top, bottom, left, right = sliding.padding
    sums = (top + bottom, left + right)
    height, width = (
        (n + p - d * (k - 1) - 1) // s + 1
        for n, p, k, s, d in zip(size, sums, kernel, sliding.stride, sliding.dilation, strict=True)
    )
    if height < 1 or width < 1:
        helps = same_padding(size, kernel, sliding.stride, sliding.dilation)
        raise UsageError(
            f"a {kernel[0]}x{kernel[1]} filter leaves nothing of a {size[0]}x{size[1]} input with "
            f"padding {list(sliding.padding)}; padding {list(helps)} [top, bottom, left, right] "
            "keeps it"
        )
    return height, width


def formula(size: IntPair, kernel: IntPair, sliding: WindowSettings) -> tuple[str, str]:
    """The output height and the output width, each as a formula with its numbers filled in."""
    top, bottom, left, right = sliding.padding
    found = output_size(size, kernel, sliding)
    lines = []
    for axis, (low, high) in enumerate(((top, bottom), (left, right))):
        n, k, s, d = size[axis], kernel[axis], sliding.stride[axis], sliding.dilation[axis]
        reach = f"{d}*({k} - 1) - 1" if d > 1 else f"{k}"
        lines.append(f"floor(({n} + {low} + {high} - {reach}) / {s}) + 1 = {found[axis]}")
    return lines[0], lines[1]


def pad(image: Array, sliding: WindowSettings) -> Array:
    """`image` (H, W) with the padding around it: (top + H + bottom, left + W + right).

    Raises UsageError where reflection or wrapping needs more cells than there are.
    """
    top, bottom, left, right = sliding.padding
    height, width = image.shape
    room = {"reflect": (height - 1, width - 1), "circular": (height, width)}.get(
        sliding.padding_mode
    )
    if room and (max(top, bottom) > room[0] or max(left, right) > room[1]):
        raise UsageError(
            f"{sliding.padding_mode} padding {list(sliding.padding)} needs more cells than the "
            f"{height}x{width} input has; take at most {room[0]} and {room[1]}, or constant padding"
        )
    around = ((top, bottom), (left, right))
    if sliding.padding_mode == "constant":
        return np.pad(image, around, constant_values=sliding.padding_value)
    if sliding.padding_mode == "reflect":
        return np.pad(image, around, mode="reflect")
    return np.pad(image, around, mode="wrap" if sliding.padding_mode == "circular" else "edge")


def windows(image: Array, kernel: IntPair, sliding: WindowSettings) -> Array:
    """Every window of the padded (H, W) image: (rows, columns, kernel height, kernel width)."""
    output_size((image.shape[0], image.shape[1]), kernel, sliding)
    (kh, kw), (dh, dw) = kernel, sliding.dilation
    seen = sliding_window_view(pad(image, sliding), (dh * (kh - 1) + 1, dw * (kw - 1) + 1))
    return seen[:: sliding.stride[0], :: sliding.stride[1], ::dh, ::dw]


def convolve(image: Array, kernel: Array, sliding: WindowSettings = WindowSettings()) -> Array:
    """The feature map of `kernel` over `image` (H, W): float64 (rows, columns).

    As in deep learning this is cross-correlation; with `flip` the kernel is turned by 180
    degrees first, the mathematical convolution sum over f(a) g(x - a).
    """
    turned = kernel[::-1, ::-1] if sliding.flip else kernel
    shape = (kernel.shape[0], kernel.shape[1])
    return cast(
        Array, np.einsum("ijkl,kl->ij", windows(image.astype(float), shape, sliding), turned)
    )


def steps(
    image: Array, kernel: Array, sliding: WindowSettings = WindowSettings()
) -> Iterator[WindowStep]:
    """The same one cell after the other, row by row: window, products, sum."""
    turned = kernel[::-1, ::-1] if sliding.flip else kernel
    shape = (kernel.shape[0], kernel.shape[1])
    seen = windows(image.astype(float), shape, sliding)
    for row, column in np.ndindex(seen.shape[:2]):
        window = seen[row, column]
        products = window * turned
        yield WindowStep(row, column, window, products, float(products.sum()))


def pool(
    image: Array, kind: Literal["max", "avg"], size: IntPair, stride: IntPair | None = None
) -> Array:
    """The largest value, or the mean, of each window of (H, W); stride defaults to the size."""
    seen = windows(image, size, WindowSettings(stride=stride or size))
    return cast(Array, seen.max((2, 3)) if kind == "max" else seen.mean((2, 3)))


def activate(values: Array, name: str) -> Array:
    """`values` through the activation called `name` (`none` returns them as they are).

    gelu uses the exact normal distribution function; raises UsageError for another name.
    """
    if name not in ACTIVATIONS:
        raise UsageError(
            f"no activation is called {name!r}{nearest(name, ACTIVATIONS)}; "
            f"take one of {', '.join(ACTIVATIONS)}"
        )
    low = np.minimum(values, 0.0)
    known: dict[str, Callable[[Array], Array]] = {
        "none": lambda x: x,
        "relu": lambda x: np.maximum(x, 0.0),
        "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
        "elu": lambda x: np.where(x > 0, x, np.expm1(low)),
        "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
        "silu": lambda x: x * _sigmoid(x),
        "tanh": np.tanh,
        "sigmoid": _sigmoid,
        "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    }
    return np.asarray(known[name](values.astype(float)))


def _sigmoid(x: Array) -> Array:
    return cast(Array, 0.5 * (1 + np.tanh(0.5 * x)))


@dataclass(frozen=True)
class Example:
    """The worked example: a 4x4 input, a 3x3 filter, the output with padding 1 and with none."""

    image: Array
    kernel: Array
    padded: Array
    plain: Array


def worked_example() -> Example:
    """A 4x4 input under a 3x3 filter: with padding 1 it stays 4x4, without it becomes 2x2."""
    image = np.array([[1, 2, 0, 1], [0, 3, 1, 2], [2, 1, 0, 1], [1, 0, 2, 3]], float)
    kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], float)
    return Example(
        image, kernel, convolve(image, kernel, WindowSettings(padding=(1, 1, 1, 1))),
        convolve(image, kernel),
    )  # fmt: skip
