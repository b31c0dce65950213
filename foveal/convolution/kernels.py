"""Filters by name or as numbers: blur, sharpen, Sobel, Laplace, Gabor."""

from __future__ import annotations

import math
import re
from typing import cast

import numpy as np

from foveal.errors import UsageError
from foveal.text import did_you_mean

Array = np.ndarray

KERNELS = ("identity", "blur", "sharpen", "sobel-x", "sobel-y", "laplacian", "gabor")


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
    """A kernel given as numbers, as rows of numbers in text, or by a name and `size`.

    Raises UsageError for numbers that are no rows, as `parse_kernel` and `named_kernel` do.
    """
    if isinstance(kernel, np.ndarray):
        if kernel.ndim != 2 or not kernel.size:
            raise UsageError(f"the kernel has shape {kernel.shape}; give numbers (height, width)")
        return kernel.astype(float)
    return parse_kernel(kernel) if re.search(r"\d", kernel) else named_kernel(kernel, size)
