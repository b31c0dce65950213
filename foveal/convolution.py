"""Convolution step by step in plain numpy: kernels, padding, the output size, every window.

It works on arrays; networks use torch's convolutions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from foveal.errors import UsageError
from foveal.network import geometry
from foveal.network.geometry import Sides
from foveal.spec.values import MAX_SIDE, PaddingMode
from foveal.text import did_you_mean

IntPair = tuple[int, int]
Array = np.ndarray

PADDING_MODES: tuple[PaddingMode, ...] = get_args(PaddingMode)
KERNELS = ("identity", "blur", "sharpen", "sobel-x", "sobel-y", "laplacian", "gabor")


@dataclass(frozen=True)
class WindowSettings:
    """How the window moves: stride and dilation are [height, width], padding
    [top, bottom, left, right].
    """

    stride: IntPair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    padding_mode: PaddingMode = "constant"
    padding_value: float = 0.0
    dilation: IntPair = (1, 1)
    flip: bool = False


@dataclass(frozen=True)
class WindowStep:
    """One output cell: its row and column, the window, the products and their sum."""

    row: int
    column: int
    window: Array
    products: Array
    sum: float


def named_kernel(name: str, size: int = 3) -> Array:
    """The filter called `name`, float64 (size, size); `size` is odd, 1 to 31.

    Sobel is the binomial smoothing times the binomial derivative (3x3: Sobel and Feldman, 1968);
    gabor is one period of a wave along the width.  Raises UsageError for another name
    or size.
    """
    if name not in KERNELS:
        raise UsageError(
            f"no kernel is called {name!r}{did_you_mean(name, KERNELS)}; "
            f"take one of {', '.join(KERNELS)}, or numbers such as '0 1 0; 1 -4 1; 0 1 0'"
        )
    if size % 2 == 0 or not 1 <= size <= 31:
        raise UsageError(f"the kernel size is {size}; take an odd number from 1 to 31")
    if size == 1:
        return np.ones((1, 1))
    return _build_kernel(name, size)


def _build_kernel(name: str, size: int) -> Array:
    middle = size // 2
    identity = np.zeros((size, size))
    identity[middle, middle] = 1.0
    if name == "identity":
        return identity
    if name == "blur":
        return np.full((size, size), 1 / size**2)
    if name == "sharpen":
        return np.asarray(identity + _cross(size))
    if name == "laplacian":
        return -_cross(size)
    if name == "gabor":
        return _gabor(size)
    smoothing = np.array([math.comb(size - 1, k) for k in range(size)], float)
    derivative = np.convolve([math.comb(size - 3, k) for k in range(size - 2)], [-1.0, 0.0, 1.0])
    sobel = np.outer(smoothing, derivative)
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
    envelope = np.exp(-(axis**2) / (2 * (size / 4) ** 2))
    kernel = np.outer(envelope, envelope * wave)
    return cast(Array, kernel - kernel.mean())


def parse_kernel(text: str) -> Array:
    """The filter given as rows of numbers, `'0 1 0; 1 -4 1; 0 1 0'`; float64 (rows, columns).

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


def resolve_kernel(kernel: str | Array, size: int) -> Array:
    """A kernel given as numbers, as rows of numbers in text, or by a name and `size`."""
    if isinstance(kernel, np.ndarray):
        return kernel.astype(float)
    return parse_kernel(kernel) if re.search(r"\d", kernel) else named_kernel(kernel, size)


def parse_padding(
    padding: int | str | Sequence[int], size: IntPair, kernel: IntPair, stride: IntPair
) -> Sides:
    """Padding as users write it: cells per side, `1,1,2,0` (top, bottom, left, right), `same`,
    `valid`; raises UsageError for anything else.
    """
    if padding == "same":
        return geometry.resolve_padding("same", size, kernel, stride)
    cells = _padding_cells(padding)
    if len(cells) not in (1, 2, 4) or not 0 <= min(cells) <= max(cells) <= MAX_SIDE:
        raise UsageError(
            f"the padding is {padding!r}; give cells per side like 1, or top,bottom,left,right "
            f"like 1,1,2,0, at most {MAX_SIDE}, or same, or valid"
        )
    if len(cells) == 4:
        return cells[0], cells[1], cells[2], cells[3]
    return cells[0], cells[0], cells[-1], cells[-1]


def _padding_cells(padding: int | str | Sequence[int]) -> tuple[int, ...]:
    if isinstance(padding, int):
        return (padding,)
    if not isinstance(padding, str):
        return tuple(padding)
    if padding == "valid":
        return (0,)
    words = padding.replace(",", " ").split()
    return tuple(map(int, words)) if all(re.fullmatch("[0-9]{1,9}", word) for word in words) else ()


def parse_padding_mode(mode: str) -> PaddingMode:
    """The padding mode called `mode`; raises UsageError for another name."""
    for known in PADDING_MODES:
        if known == mode:
            return known
    raise UsageError(
        f"no padding mode is called {mode!r}{did_you_mean(mode, PADDING_MODES)}; "
        f"take one of {', '.join(PADDING_MODES)}"
    )


def parse_pool(text: str) -> tuple[Literal["max", "avg"], IntPair]:
    """`max:2` or `avg:3` as kind and window (height, width); raises UsageError otherwise."""
    match = re.fullmatch(r"(max|avg):([1-9]\d{0,3})", text)
    if not match:
        raise UsageError(f"the pool is {text!r}; write max:2 or avg:3 with the window's size")
    size = int(match[2])
    return ("max" if match[1] == "max" else "avg"), (size, size)


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


def convolve(image: Array, kernel: Array, settings: WindowSettings = WindowSettings()) -> Array:
    """The feature map of `kernel` over `image` (H, W): float64 (rows, columns).

    As in deep learning this is cross-correlation; with `flip` the kernel is rotated by 180
    degrees first, the mathematical convolution sum over f(a) g(x - a).
    """
    flipped = kernel[::-1, ::-1] if settings.flip else kernel
    shape = (kernel.shape[0], kernel.shape[1])
    return cast(
        Array, np.einsum("ijkl,kl->ij", windows(image.astype(float), shape, settings), flipped)
    )


def steps(
    image: Array, kernel: Array, settings: WindowSettings = WindowSettings()
) -> Iterator[WindowStep]:
    """The same, one output cell at a time, row by row."""
    flipped = kernel[::-1, ::-1] if settings.flip else kernel
    shape = (kernel.shape[0], kernel.shape[1])
    all_windows = windows(image.astype(float), shape, settings)
    for row, column in np.ndindex(all_windows.shape[:2]):
        window = all_windows[row, column]
        products = window * flipped
        yield WindowStep(row, column, window, products, float(products.sum()))


def pool(
    image: Array, kind: Literal["max", "avg"], size: IntPair, stride: IntPair | None = None
) -> Array:
    """The largest value, or the mean, of each window of (H, W); stride defaults to the size."""
    pooled = windows(image, size, WindowSettings(stride=stride or size))
    return cast(Array, pooled.max((2, 3)) if kind == "max" else pooled.mean((2, 3)))


def _sigmoid(x: Array) -> Array:
    return cast(Array, 0.5 * (1 + np.tanh(0.5 * x)))


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
}
ACTIVATIONS = tuple(_ACTIVATIONS)


def activate(values: Array, name: str) -> Array:
    """`values` through the activation called `name` (`none` returns them as they are).

    gelu uses the exact normal distribution function; raises UsageError for another name.
    """
    if name not in ACTIVATIONS:
        raise UsageError(
            f"no activation is called {name!r}{did_you_mean(name, ACTIVATIONS)}; "
            f"take one of {', '.join(ACTIVATIONS)}"
        )
    return np.asarray(_ACTIVATIONS[name](values.astype(float)))
