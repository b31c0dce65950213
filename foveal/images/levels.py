"""Maps pixels of more than 8 bits (16-bit, 32-bit, float) to 0..255 by one range of values.

The range is a fact of the data set, never of the single image: brightness may be the class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from foveal.errors import ImageError
from foveal.images.tiff import (
    BITS_PER_SAMPLE,
    MAX_SAMPLE,
    PHOTOMETRIC,
    S_MAX_SAMPLE,
    S_MIN_SAMPLE,
    SAMPLE_FORMAT,
    SIGNED,
    WHITE_IS_ZERO,
    tiff_tags,
)

ValueRange = tuple[float, float]
"""The values that become 0 and 255; those outside are clipped."""
FULL_RANGE: ValueRange = (0.0, 65535.0)
"""Of 16 bits; colour then needs its upper 8 bits only."""
_SIGNED_RANGE: ValueRange = (-(2.0**15), 2.0**15 - 1)
MAX_UNCLEAR_VALUE = 2**14 - 1
"""Cameras and scanners of 10, 12 and 14 bits store their values in 16: up to here an image whose
range nobody tells may be one of theirs, and would be dark or black."""
Kind = Literal["16-bit", "32-bit", "float"]
NO_RANGE_REASON = (
    "32-bit or float values, for which preprocess.range has no range; convert it to 8 bits, or "
    "train with images of this kind"
)
_NOMINAL: tuple[ValueRange, ...] = ((0, 1), (-1, 1), (0, 255), (0, 65535))
_MAX_SAMPLED_VALUES = 2**20
_BLOCK_VALUES = 2**22


@dataclass(frozen=True)
class LevelStats:
    """low, high: the 0.01 and 99.99 percentile of the finite values.

    tagged: the range that the file's own tags tell.  finite: whether all values are.
    """

    kind: Kind
    low: float
    high: float
    tagged: ValueRange | None
    finite: bool


def is_deep(image: Image.Image) -> bool:
    """Whether an opened image has more than 8 bits a pixel, in one channel."""
    return image.mode.startswith("I") or image.mode == "F"


def to_8_bits(
    image: Image.Image, value_range: ValueRange | None, *, needs_range: bool = False
) -> Image.Image:
    """A deep image whose pixels are decoded, as mode L: NaN becomes 0; MINISWHITE is inverted.

    value_range None: that of the file's tags or of its type; for 32-bit and float values the
    smallest usual one that holds them, or, where it `needs_range`, ImageError; so for 16 bits of
    which few are used (see `unclear_range_reason`).
    """
    values = np.asarray(image)
    if value_range is None:
        value_range = _type_range(image)
        if needs_range and value_range is not None and not _is_tagged(image):
            _refuse_unclear_range(values, value_range)
    if value_range is None:
        if needs_range:
            raise ImageError(NO_RANGE_REASON)
        value_range = _tagged_range(image) or _usual_range(values)
    levels = _scale(values, value_range)
    return Image.fromarray(255 - levels if _white_is_zero(image) else levels)


def _refuse_unclear_range(values: np.ndarray, type_range: ValueRange) -> None:
    low, high, _ = _ends(values)
    signed = type_range == _SIGNED_RANGE
    reason = unclear_range_reason(max(-low, high) if signed else high, signed=signed)
    if reason is not None:
        raise ImageError(reason)


def unclear_range_reason(high: float, *, signed: bool = False) -> str | None:
    """Why a 16-bit image with values up to `high` cannot be read without a range; else None.

    signed: `high` is the largest without its sign, of values below and above 0.
    """
    if not 0 < high <= (MAX_UNCLEAR_VALUE >> signed):
        return None
    full = full_of_bits(high)
    return (
        f"16-bit values up to {high:.0f}, of which neither the file nor preprocess.range tells the "
        f"range ({'-' if signed else ''}{full if signed else 0:.0f} to {full:.0f}?), so that it "
        "would be nearly one colour; convert it to 8 bits, or train with images of this kind"
    )


def highest_value(values: np.ndarray) -> float:
    """The 99.99 percentile."""
    return _ends(values)[1]


def measure_levels(image: Image.Image, significant_bits: int | None = None) -> LevelStats:
    """Of a deep image whose pixels are decoded; significant_bits: of a PNG's sBIT."""
    tagged = _tagged_range(image)
    low, high, finite = _ends(np.asarray(image))
    if significant_bits is not None and high < 2**significant_bits:
        tagged = (0.0, 2.0**significant_bits - 1)
    return LevelStats(_kind(image), low, high, tagged, finite)


def measure_colour_levels(values: np.ndarray) -> LevelStats:
    """Of colour of 16 bits a channel."""
    low, high, finite = _ends(values)
    return LevelStats("16-bit", low, high, None, finite)


def _ends(values: np.ndarray) -> tuple[float, float, bool]:
    """The 0.01 and 99.99 percentile of the finite values, and whether all are."""
    values = values.reshape(-1)[:: max(1, values.size // _MAX_SAMPLED_VALUES)]
    finite = values[np.isfinite(values)]
    low, high = 0.0, 0.0
    if len(finite):
        low = float(np.quantile(finite, 1e-4, method="lower"))
        high = float(np.quantile(finite, 0.9999, method="higher"))
    return low, high, len(finite) == len(values)


def _scale(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """uint8 of the same shape."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return np.take(table_of_16_bits(value_range), values)  # no copy in float of a large image
    levels = np.empty(values.shape, np.uint8)
    rows = max(1, _BLOCK_VALUES // max(1, values.shape[1]))
    for top in range(0, values.shape[0], rows):
        levels[top : top + rows] = _scale_floats(values[top : top + rows], value_range)
    return levels


def table_of_16_bits(value_range: ValueRange) -> np.ndarray:
    """uint8 (65536,): the level of each value."""
    return _scale_floats(np.arange(2**16), value_range)


def _scale_floats(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    low, high = value_range
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.round((values.astype(np.float64) - low) * (255.0 / (high - low)))
    return np.asarray(np.nan_to_num(scaled.clip(0, 255), nan=0.0), np.uint8)


def _kind(image: Image.Image) -> Kind:
    if image.mode == "F":
        return "float"
    return "16-bit" if image.mode.startswith("I;16") else "32-bit"


def _type_range(image: Image.Image) -> ValueRange | None:
    """The range of an integer type of at most 16 bits, by the file's tags; None for wider types."""
    if image.mode.startswith("I;16"):
        return _tagged_range(image) or FULL_RANGE
    if _tag(image, BITS_PER_SAMPLE) == 16 and _tag(image, SAMPLE_FORMAT) == SIGNED:
        return _SIGNED_RANGE
    return None


def _is_tagged(image: Image.Image) -> bool:
    """Whether a TIFF's tags say what its values mean, be it all 16 bits."""
    return _tagged_range(image) is not None or any(
        _tag(image, number) is not None for number in (MAX_SAMPLE, S_MAX_SAMPLE)
    )


def _usual_range(values: np.ndarray) -> ValueRange:
    """The smallest usual range that holds the finite values, else their own."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    for usual in _NOMINAL:
        if usual[0] <= low and high <= usual[1]:
            return usual
    return (low, high) if low < high else (low, low + 1)


def _tagged_range(image: Image.Image) -> ValueRange | None:
    """By a TIFF's sample values or bits, where they say more than the type does.

    Of 16 bits the highest value is rounded up to whole bits: some programs write that of the image.
    """
    low, high = _tag(image, S_MIN_SAMPLE), _tag(image, S_MAX_SAMPLE)
    if not image.mode.startswith("I;16"):
        return (low, high) if low is not None and high is not None and low < high else None
    bits = _tag(image, BITS_PER_SAMPLE)
    if bits is not None and bits < 16:
        return 0.0, 2.0**bits - 1
    high = _tag(image, MAX_SAMPLE) if high is None else high
    return (0.0, full_of_bits(high)) if high is not None and 0 < high < 2**15 else None


def full_of_bits(high: float) -> float:
    """The highest value of as many bits, 8 to 16, as hold `high`, which is at most 65535."""
    return next(float(2**bits - 1) for bits in range(8, 17) if high <= 2**bits - 1)


def _white_is_zero(image: Image.Image) -> bool:
    return _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO


def _tag(image: Image.Image, number: int) -> float | None:
    """The first value of a TIFF tag as a number; None where the file has none."""
    value = tiff_tags(image).get(number)
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        return None if value is None or isinstance(value, bytes | str) else float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
