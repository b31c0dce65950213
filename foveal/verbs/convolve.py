"""Convolve one image with one filter, then activate and pool it, as a layer of a CNN would.

Knows no network; the arithmetic is `explanation.convolution`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foveal import convolution
from foveal.convolution import (
    PADDING_MODES,
    IntPair,
    PaddingMode,
    PaddingSides,
    WindowSettings,
    WindowStep,
)
from foveal.errors import ImageError, UsageError
from foveal.files import refuse_overwriting, write_atomic
from foveal.text import nearest

MOST = 8192
"""Cells of padding a side, as in a network."""


@dataclass(frozen=True)
class ConvolveResult:
    """What came out: the map (H, W) float64, how its size came about, and its first step.

    input, output: [height, width]; formula: how the height and the width were found;
    file: the image of the map, None where none was asked for; stretched: whether its darkest
    and lightest values had to be moved to 0 and 255.
    """

    kernel: np.ndarray
    input: IntPair
    output: IntPair
    formula: tuple[str, str]
    padding: PaddingSides
    values: np.ndarray
    first: WindowStep
    file: Path | None
    stretched: bool

    def to_data(self) -> dict[str, Any]:
        """What `foveal convolve --json` prints."""
        return {
            "kernel": self.kernel.tolist(),
            "input": list(self.input),
            "output": list(self.output),
            "formula": list(self.formula),
            "padding": list(self.padding),
            "minimum": float(self.values.min()),
            "maximum": float(self.values.max()),
            "mean": float(self.values.mean()),
            "first_step": {
                "window": self.first.window.tolist(),
                "products": self.first.products.tolist(),
                "sum": self.first.sum,
            },
            "file": None if self.file is None else str(self.file),
            "stretched": self.stretched,
        }


def convolve(
    image: str | Path | bytes | np.ndarray,
    kernel: str | np.ndarray = "sobel-x",
    *,
    size: int = 3,
    stride: int | IntPair = 1,
    padding: int | str | PaddingSides = 0,
    padding_mode: str = "constant",
    padding_value: float = 0.0,
    flip: bool = False,
    activation: str = "none",
    pool: str | None = None,
    out: str | Path | None = None,
) -> ConvolveResult:
    """Slide `kernel` over `image`: multiply element by element, sum, move on.

    image: an image file or its bytes (turned grey, 0..255), or numbers (H, W).
    kernel: a name of `explanation.convolution.KERNELS`, rows such as '0 1 0; 1 -4 1; 0 1 0', or
    numbers (kh, kw).  padding: cells a side, [top, bottom, left, right], `same` or `valid`.
    flip: turn the kernel first, the mathematical convolution.  pool: `max:2`, `avg:3`.
    Raises ImageError, or UsageError where nothing would be left.
    """
    if out is not None and isinstance(image, str | Path):
        refuse_overwriting(Path(out), Path(image), "the image")
    numbers, given = _kernel(kernel, size), _image(image)
    shape: IntPair = (numbers.shape[0], numbers.shape[1])
    seen: IntPair = (given.shape[0], given.shape[1])
    steps = (stride, stride) if isinstance(stride, int) else stride
    if min(steps) < 1:
        raise UsageError(f"the stride is {list(steps)}; take whole numbers from 1 on")
    if not math.isfinite(padding_value):
        raise UsageError(f"the padding value is {padding_value}; give a finite number")
    sliding = WindowSettings(
        steps, _padding(padding, seen, shape, steps), _mode(padding_mode), padding_value, flip=flip
    )
    lines = convolution.formula(seen, shape, sliding)
    values = convolution.activate(convolution.convolve(given, numbers, sliding), activation)
    if pool is not None:
        values = convolution.pool(values, *_pool(pool))
    file = None if out is None else Path(out)
    stretched = False if file is None else _write(values, file)
    return ConvolveResult(
        numbers, seen, (values.shape[0], values.shape[1]), lines, sliding.padding, values,
        next(convolution.steps(given, numbers, sliding)), file, stretched,
    )  # fmt: skip


def free_name(image: Path, kernel: str) -> Path:
    """A name in the current folder that no file has yet: `STEM-KERNEL.png`, then `-2`, `-3`.

    Own numbers are called `kernel`.
    """
    word = kernel if kernel in convolution.KERNELS else "kernel"
    names = (Path(f"{image.stem}-{word}{'' if n == 1 else f'-{n}'}.png") for n in count(1))
    return next(name for name in names if not name.exists())


def _kernel(kernel: str | np.ndarray, size: int) -> np.ndarray:
    if isinstance(kernel, np.ndarray):
        return kernel.astype(float)
    if re.search(r"\d", kernel):
        return convolution.parse_kernel(kernel)
    return convolution.named_kernel(kernel, size)


def _image(image: str | Path | bytes | np.ndarray) -> np.ndarray:
    if isinstance(image, np.ndarray):
        if image.ndim != 2:
            raise UsageError(f"the numbers have shape {image.shape}; give one map (height, width)")
        return image.astype(float)
    from foveal.images.decode import decode_array

    source = Path(image) if isinstance(image, str) else image
    try:
        return decode_array(source, channels=1)[:, :, 0].astype(float)
    except ImageError as error:
        name = source if isinstance(source, Path) else "given"
        raise ImageError(
            f"the image {name} cannot be read ({error.reason}); give another"
        ) from error


def _padding(
    padding: int | str | PaddingSides, size: IntPair, kernel: IntPair, stride: IntPair
) -> PaddingSides:
    if padding == "same":
        return convolution.same_padding(size, kernel, stride)
    cells = _cells(padding)
    if len(cells) not in (1, 2, 4) or not 0 <= min(cells) <= max(cells) <= MOST:
        raise UsageError(
            f"the padding is {padding!r}; give cells a side like 1, or top,bottom,left,right like "
            f"1,1,2,0, at most {MOST}, or same, or valid"
        )
    top, bottom, left, right = {
        1: cells * 4,
        2: (cells[0], cells[0], cells[-1], cells[-1]),
        4: cells,
    }[len(cells)]
    return top, bottom, left, right


def _cells(padding: int | str | PaddingSides) -> tuple[int, ...]:
    if isinstance(padding, int):
        return (padding,)
    if not isinstance(padding, str):
        return tuple(padding)
    if padding == "valid":
        return (0,)
    words = padding.replace(",", " ").split()
    return tuple(map(int, words)) if all(re.fullmatch("[0-9]{1,9}", word) for word in words) else ()


def _mode(mode: str) -> PaddingMode:
    for known in PADDING_MODES:
        if known == mode:
            return known
    raise UsageError(
        f"no padding mode is called {mode!r}{nearest(mode, PADDING_MODES)}; "
        f"take one of {', '.join(PADDING_MODES)}"
    )


def _pool(text: str) -> tuple[Literal["max", "avg"], IntPair]:
    found = re.fullmatch(r"(max|avg):([1-9]\d{0,3})", text)
    if not found:
        raise UsageError(f"the pool is {text!r}; write max:2 or avg:3 with the window's size")
    size = int(found[2])
    return ("max" if found[1] == "max" else "avg"), (size, size)


def _write(values: np.ndarray, out: Path) -> bool:
    """Write the map as a grey image; True where its values did not fit 0..255 as they are."""
    from PIL import Image

    low, high = float(values.min()), float(values.max())
    stretched = low < 0 or high > 255
    shown = (values - low) * (255 / (high - low or 1)) if stretched else values
    image = Image.fromarray(np.rint(shown).astype(np.uint8))
    write_atomic(out, lambda path: image.save(path, format="PNG"))
    return stretched
