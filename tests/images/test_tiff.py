"""Tags of TIFF files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from foveal.images.tiff import (
    BITS_PER_SAMPLE,
    NEW_SUBFILE_TYPE,
    PHOTOMETRIC,
    WHITE_IS_ZERO,
    allow_white_as_zero,
    is_reduced_copy,
    tiff_tags,
)


def opened(mode: str, kind: str = "TIFF", tags: dict[int, int] | None = None) -> Image.Image:
    more = {"tiffinfo": tags or {}} if kind == "TIFF" else {}
    file = io.BytesIO()
    Image.fromarray(np.full((6, 5), 7, np.uint16)).convert(mode).save(file, kind, **more)
    return Image.open(file)


def test_tags_are_those_of_a_tiff():
    assert tiff_tags(opened("L"))[BITS_PER_SAMPLE] == (8,)
    assert dict(tiff_tags(opened("L", "PNG"))) == {}


@pytest.mark.parametrize(("kind", "reduced"), [(0, False), (1, True), (2, False), (3, True)])
def test_a_reduced_copy_is_told_by_its_tag(kind: int, reduced: bool):
    assert is_reduced_copy(opened("L", tags={NEW_SUBFILE_TYPE: kind})) is reduced
    assert not is_reduced_copy(opened("L"))
    assert not is_reduced_copy(opened("L", "PNG"))


def test_deep_grey_may_have_0_for_white():
    allow_white_as_zero()
    kinds = {(key[1], mode) for key, (mode, _) in TiffImagePlugin.OPEN_INFO.items()}
    for mode in ("I;16", "I", "F"):
        assert {(0, mode), (1, mode)} <= kinds
    image = opened("I;16", tags={PHOTOMETRIC: WHITE_IS_ZERO})
    assert (image.mode, tiff_tags(image)[PHOTOMETRIC]) == ("I;16", WHITE_IS_ZERO)
