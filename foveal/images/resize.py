"""From an image to the network's input pixels: the one function of training, predict and serve.

Knows nothing of classes, files' places or normalisation (the network's module does that).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import MAX_PIXELS, decode_image, too_large

SPARE = 2
"""A JPEG is decoded smaller only where it stays this many times as large as the input."""


class Input(Protocol):
    """What is read of spec.preprocess.Input; a protocol, so that pydantic is not needed here."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def channels(self) -> Literal[1, 3]:
        """Grey or colour."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""


class Preprocess(Protocol):
    """What is read of spec.preprocess.Preprocess."""

    @property
    def fit(self) -> Literal["crop", "pad", "squash"]:
        """What is done about another aspect ratio."""

    @property
    def background(self) -> tuple[int, int, int]:
        """Red, green, blue, 0..255."""


def pixels(
    source: Path | bytes | Image.Image | np.ndarray, input: Input, preprocess: Preprocess
) -> np.ndarray:
    """The image as the network sees it: uint8 (input.height, input.width, input.channels).

    source: a file, the bytes of one, a Pillow image, or an array uint8 (H, W), (H, W, 1),
    (H, W, 3) or (H, W, 4).  Raises ImageError with the reason.
    """
    if isinstance(source, np.ndarray):
        source = _image(source)
    image = decode_image(
        source,
        channels=input.channels,
        background=preprocess.background,
        least=(SPARE * input.height, SPARE * input.width),
    )
    return fitted(image, input, preprocess)


def fitted(image: Image.Image, input: Input, preprocess: Preprocess) -> np.ndarray:
    """A decoded L or RGB image brought to the input's size: crop, pad or squash (bicubic)."""
    size = (input.width, input.height)
    if image.size != size:
        if preprocess.fit == "crop":
            image = image.resize(size, Image.Resampling.BICUBIC, box=_middle(image.size, size))
        elif preprocess.fit == "squash":
            image = image.resize(size, Image.Resampling.BICUBIC)
        else:
            image = _padded(image, size, preprocess.background)
    return np.frombuffer(image.tobytes(), np.uint8).reshape(input.shape)


def _middle(have: tuple[int, int], want: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest centred box of the wanted aspect ratio, (left, top, right, bottom)."""
    width, height = have
    scale = min(width / want[0], height / want[1])
    box_width, box_height = scale * want[0], scale * want[1]
    left, top = max(0.0, (width - box_width) / 2), max(0.0, (height - box_height) / 2)
    return left, top, min(width, left + box_width), min(height, top + box_height)


def _padded(
    image: Image.Image, size: tuple[int, int], background: tuple[int, int, int]
) -> Image.Image:
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = (
        min(size[0], max(1, round(image.width * scale))),
        min(size[1], max(1, round(image.height * scale))),
    )
    canvas = Image.new("RGB", size, background).convert(image.mode)
    if inner != image.size:
        image = image.resize(inner, Image.Resampling.BICUBIC)
    canvas.paste(image, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


def _image(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(
            f"an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"not {array.dtype} {array.shape}"
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        raise ImageError(f"an array must have 1, 3 or 4 channels, not {array.shape[2]}")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise ImageError(too_large(array.shape[0] * array.shape[1]))
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
