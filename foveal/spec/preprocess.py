"""How an image becomes the network's input: one value shared by training, prediction and export."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from foveal.spec.values import MAX_COEFFICIENT, Coefficient, Positive, Value, list_to_tuple


class Input(Value):
    """Size of the network's input: height and width in pixels, channels 1 (grey) or 3."""

    height: Positive = 64
    width: Positive = 64
    channels: Literal[1, 3] = 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels


def _check_range(value: tuple[float, float] | None) -> tuple[float, float] | None:
    if value is not None and not value[0] < value[1]:
        raise PydanticCustomError("range", "the first value must be below the second")
    return value


Interpolation = Literal["bicubic", "bilinear"]
MIN_CROP_FRACTION = 0.1
MIN_STD = 1e-6
"""In units of 0..1: a smaller one would turn pixels into numbers that fp32 cannot add."""
PixelLevel = Annotated[int, Field(ge=0, le=255)]


class Preprocess(Value):
    """How a decoded image becomes the network's input.

    fit: `crop` keeps the centre, `pad` adds `background`, `squash` ignores the aspect ratio.
    crop_fraction: of the resized image's shorter side that `crop` keeps: 0.875 resizes it to 256
    for an input of 224, as published networks are evaluated.
    interpolation: between pixels when resizing, antialiased as in Pillow.
    background: red, green, blue, 0..255; transparent pixels are blended with it.
    range: the values that become 0 and 255 in 16-bit, 32-bit and float images, such as (0, 4095)
    for 12 bits; values outside are clipped.  8-bit images do not need it.
    mean, std: per channel, in units of 0..1; None means 0.5 and 0.25 until train measures them.
    flip_average: predictions are the mean over the image and its mirror image.
    """

    fit: Literal["crop", "pad", "squash"] = "crop"
    crop_fraction: Annotated[float, Field(ge=MIN_CROP_FRACTION, le=1)] = 1.0
    interpolation: Interpolation = "bicubic"
    background: Annotated[
        tuple[PixelLevel, PixelLevel, PixelLevel], BeforeValidator(list_to_tuple)
    ] = (0, 0, 0)
    range: Annotated[
        tuple[FiniteFloat, FiniteFloat] | None,
        BeforeValidator(list_to_tuple),
        AfterValidator(_check_range),
    ] = None
    mean: Annotated[tuple[Coefficient, ...] | None, BeforeValidator(list_to_tuple)] = None
    std: Annotated[
        tuple[Annotated[float, Field(ge=MIN_STD, le=MAX_COEFFICIENT)], ...] | None,
        BeforeValidator(list_to_tuple),
    ] = None
    flip_average: bool = False

    @model_validator(mode="after")
    def _check_crop_fraction(self) -> Self:
        if self.crop_fraction < 1 and self.fit != "crop":
            raise ValueError(
                f"crop_fraction {self.crop_fraction:g} is only for fit crop, not {self.fit}: "
                "leave it out, or use crop"
            )
        return self

    def statistics(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) for that many channels, each in units of 0..1."""
        return self.mean or (0.5,) * channels, self.std or (0.25,) * channels
