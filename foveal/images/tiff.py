"""Tags of TIFF files, and the kinds of TIFF that Pillow reads once it is told of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from PIL import Image

NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, PHOTOMETRIC = 254, 258, 262
MAX_SAMPLE, PLANAR_CONFIGURATION, SUB_IFDS = 281, 284, 330
SAMPLE_FORMAT, S_MIN_SAMPLE, S_MAX_SAMPLE = 339, 340, 341
DNG_VERSION = 50706
SIGNED, SEPARATE_PLANES, WHITE_IS_ZERO = 2, 2, 0
"""Values of SAMPLE_FORMAT, PLANAR_CONFIGURATION and PHOTOMETRIC."""


def tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    """Of the page that is open; empty for other formats."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags


def is_reduced_copy(image: Image.Image) -> bool:
    """Whether the open page says that it is a smaller copy of another in the file."""
    kind = tiff_tags(image).get(NEW_SUBFILE_TYPE, 0)
    return isinstance(kind, int) and bool(kind & 1)


@functools.cache
def allow_white_as_zero() -> None:
    """Let TIFF files of 16-bit, 32-bit and float grey have 0 for white, as X-ray scanners write.

    Pillow 13 knows them with 0 for black only; `levels.to_8_bits` inverts them.
    """
    from PIL import TiffImagePlugin  # not at the top: it takes longer than the fast path needs

    known = TiffImagePlugin.OPEN_INFO
    for key, (mode, raw_mode) in list(known.items()):
        if key[1] == 1 and (mode.startswith("I") or mode == "F"):
            inverted = (key[0], 0, key[2], key[3], key[4], key[5])
            known.setdefault(inverted, (mode, raw_mode))
