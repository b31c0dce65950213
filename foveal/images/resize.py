"""From an image to the network's input pixels, for training, prediction and serving alike.

Normalisation is not done here: it is part of the network's module.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import decode_image
from foveal.images.limits import COLOUR_BYTES, MAX_DECODED_BYTES, pixel_limit_reason
from foveal.images.memory import decoding_budget

MIN_DRAFT_RATIO = 2
"""A JPEG is decoded at reduced size only if that is at least this many times the input size."""

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_ROUNDING = 1e-6
"""Added before rounding down, so that 224 / (224 / 236) is 236."""


class InputShape(Protocol):
    """The fields of spec.preprocess.Input used here; prediction has it without pydantic."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def channels(self) -> Literal[1, 3]:
        """1 (grey) or 3 (RGB)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""


class ResizeRule(Protocol):
    """The fields of spec.preprocess.Preprocess used here."""

    @property
    def fit(self) -> Literal["crop", "pad", "squash"]:
        """How another aspect ratio is brought to that of the input."""

    @property
    def crop_fraction(self) -> float:
        """Of the resized image's shorter side that a crop keeps, above 0 and at most 1."""

    @property
    def interpolation(self) -> Literal["bicubic", "bilinear"]:
        """Between pixels when resizing."""

    @property
    def background(self) -> tuple[int, int, int]:
        """Red, green, blue, 0..255."""

    @property
    def range(self) -> tuple[float, float] | None:
        """The values that become 0 and 255 in images of more than 8 bits."""


def to_input_pixels(
    source: Path | bytes | Image.Image | np.ndarray, input: InputShape, preprocess: ResizeRule
) -> np.ndarray:
    """Load or convert one image: uint8 (input.height, input.width, input.channels).

    source: a file, the bytes of one, a Pillow image, or an array uint8 (H, W), (H, W, 1),
    (H, W, 3) or (H, W, 4).  Raises ImageError with a short reason.
    """
    if isinstance(source, np.ndarray):
        source = _image_from_array(source)
    with decoding_budget.reservation() as reserve:
        image = decode_image(
            source,
            channels=input.channels,
            background=preprocess.background,
            min_size=_sufficient_size(input, preprocess),
            value_range=preprocess.range,
            needs_range=True,
            reserve=reserve,
        )
        return resize_to_input(image, input, preprocess)


def _sufficient_size(input: InputShape, preprocess: ResizeRule) -> tuple[int, int]:
    """(height, width) below which no JPEG is reduced while it is decoded."""
    ratio = MIN_DRAFT_RATIO / preprocess.crop_fraction
    return math.ceil(ratio * input.height), math.ceil(ratio * input.width)


def is_decoded_whole(
    image_size: tuple[int, int], input: InputShape, preprocess: ResizeRule
) -> bool:
    """Whether `to_input_pixels` decodes every file of that (width, height) at its own size."""
    height, width = _sufficient_size(input, preprocess)
    return image_size[0] < 2 * width or image_size[1] < 2 * height


def resize_to_input(image: Image.Image, input: InputShape, preprocess: ResizeRule) -> np.ndarray:
    """A decoded L or RGB image cropped, padded or squashed to the input size."""
    size = (input.width, input.height)
    filter = _FILTERS[preprocess.interpolation]
    if preprocess.crop_fraction < 1:
        box = _fraction_box(image.size, size, preprocess.crop_fraction)
        image = image.resize(size, filter, box=box)
    elif image.size != size:
        if preprocess.fit == "crop":
            image = image.resize(size, filter, box=_centre_box(image.size, size))
        elif preprocess.fit == "squash":
            image = image.resize(size, filter)
        else:
            image = _pad(image, size, preprocess.background, filter)
    return np.frombuffer(image.tobytes(), np.uint8).reshape(input.shape)


def _centre_box(
    image_size: tuple[int, int], input_size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """The largest centred box of the input's aspect ratio: (left, top, right, bottom)."""
    width, height = image_size
    scale = min(width / input_size[0], height / input_size[1])
    box_width, box_height = scale * input_size[0], scale * input_size[1]
    left, top = max(0.0, (width - box_width) / 2), max(0.0, (height - box_height) / 2)
    return left, top, min(width, left + box_width), min(height, top + box_height)


def crop_target(input_size: tuple[int, int], fraction: float) -> tuple[int, int]:
    """The size that a resized image has at least before the input's size is cut from its centre."""
    first, second = (int(side / fraction + _ROUNDING) for side in input_size)
    return first, second


def _fraction_box(
    image_size: tuple[int, int], input_size: tuple[int, int], fraction: float
) -> tuple[float, float, float, float]:
    """The part of an image that stays when it is resized whole and the input cut from its centre.

    As in torchvision and timm the longer side is rounded down, and the first cell to the even one.
    """
    (width, height), target = image_size, crop_target(input_size, fraction)
    if target[0] * height >= target[1] * width:
        resized = target[0], target[0] * height // width
    else:
        resized = target[1] * width // height, target[1]
    box = [0.0, 0.0, 0.0, 0.0]
    for axis, (length, whole, kept) in enumerate(zip(image_size, resized, input_size, strict=True)):
        start = round((whole - kept) / 2)
        box[axis], box[axis + 2] = start * length / whole, (start + kept) * length / whole
    return box[0], box[1], box[2], box[3]


def _pad(
    image: Image.Image,
    size: tuple[int, int],
    background: tuple[int, int, int],
    filter: Image.Resampling,
) -> Image.Image:
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = (
        min(size[0], max(1, round(image.width * scale))),
        min(size[1], max(1, round(image.height * scale))),
    )
    canvas = Image.new("RGB", size, background).convert(image.mode)
    if inner != image.size:
        image = image.resize(inner, filter)
    canvas.paste(image, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


def _image_from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(
            f"an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"not {array.dtype} {array.shape}"
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        raise ImageError(f"an array must have 1, 3 or 4 channels, not {array.shape[2]}")
    count = array.shape[0] * array.shape[1]
    if COLOUR_BYTES * count > MAX_DECODED_BYTES:
        raise ImageError(pixel_limit_reason(count, COLOUR_BYTES * count))
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
