"""Convolve one image with one filter, then activate and pool it, as a layer of a CNN would."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.convolution import windows
from foveal.convolution.activations import activate
from foveal.convolution.kernels import resolve_kernel
from foveal.convolution.settings import (
    IntPair,
    WindowSettings,
    parse_padding,
    parse_padding_mode,
    parse_pool,
)
from foveal.convolution.windows import WindowStep
from foveal.errors import ImageError, UsageError
from foveal.files import refuse_overwriting, write_atomic
from foveal.network.geometry import Sides


@dataclass(frozen=True)
class ConvolveResult:
    """The feature map (H, W) float64, the formula of its size, and the first step.

    kernel: as it is applied, so turned where `flip` asks for it.
    input, output: [height, width]; formula: of the output height and the output width;
    file: the image of the map, None where none was written; stretched: whether its values were
    scaled to 0..255, because they did not fit.
    """

    kernel: np.ndarray
    input: IntPair
    output: IntPair
    formula: tuple[str, str]
    padding: Sides
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
    padding: int | str | Sequence[int] = 0,
    padding_mode: str = "constant",
    padding_value: float = 0.0,
    flip: bool = False,
    activation: str = "none",
    pool: str | None = None,
    out: str | Path | None = None,
) -> ConvolveResult:
    """Slide `kernel` over `image`: multiply element by element, sum, move on.

    image: an image file or its bytes (converted to grey, 0..255), or numbers (H, W).
    kernel: a name of `foveal.convolution.kernels.KERNELS`, rows such as '0 1 0; 1 -4 1; 0 1 0', or
    numbers (kh, kw).  size: of a named kernel.  padding: cells per side,
    [top, bottom, left, right], `same` or `valid`.  flip: rotate the kernel by 180 degrees first,
    the mathematical convolution.  pool: `max:2`, `avg:3`.
    Raises ImageError, or UsageError where nothing would be left.
    """
    refuse_overwriting(out, {"the image": image}, suffixes=(".png",))
    filter_weights, pixels = resolve_kernel(kernel, size), _load_image(image)
    kernel_size: IntPair = (filter_weights.shape[0], filter_weights.shape[1])
    input_size: IntPair = (pixels.shape[0], pixels.shape[1])
    strides = (stride, stride) if isinstance(stride, int) else stride
    if min(strides) < 1:
        raise UsageError(f"the stride is {list(strides)}; give whole numbers of at least 1")
    if not math.isfinite(padding_value):
        raise UsageError(f"the padding value is {padding_value}; give a finite number")
    settings = WindowSettings(
        strides,
        parse_padding(padding, input_size, kernel_size, strides),
        parse_padding_mode(padding_mode),
        padding_value,
        flip=flip,
    )
    formula = windows.formula(input_size, kernel_size, settings)
    values = windows.convolve(pixels, filter_weights, settings)
    values = activate(values, activation)
    if pool is not None:
        values = windows.pool(values, *parse_pool(pool))
    return ConvolveResult(
        kernel=filter_weights[::-1, ::-1] if flip else filter_weights,
        input=input_size,
        output=(values.shape[0], values.shape[1]),
        formula=formula,
        padding=settings.padding,
        values=values,
        first=next(windows.steps(pixels, filter_weights, settings)),
        file=None if out is None else Path(out),
        stretched=out is not None and _write_map(values, Path(out)),
    )


def _load_image(image: str | Path | bytes | np.ndarray) -> np.ndarray:
    if isinstance(image, np.ndarray):
        if image.ndim != 2:
            raise UsageError(f"the image has shape {image.shape}; give one map (height, width)")
        return image.astype(float)
    from foveal.images.decode import decode_array

    source = Path(image) if isinstance(image, str) else image
    try:
        return decode_array(source, channels=1)[:, :, 0].astype(float)
    except ImageError as error:
        name = f" {source}" if isinstance(source, Path) else ""
        raise ImageError(
            f"the image{name} cannot be read ({error.reason}); give another"
        ) from error


def _write_map(values: np.ndarray, out: Path) -> bool:
    """Write the map as a grey image; True where its values were scaled to fit 0..255."""
    from PIL import Image

    low, high = float(values.min()), float(values.max())
    stretched = low < 0 or high > 255
    levels = (values - low) * (255 / (high - low or 1)) if stretched else values
    image = Image.fromarray(np.rint(levels).astype(np.uint8))
    write_atomic(out, lambda path: image.save(path, format="PNG"))
    return stretched
