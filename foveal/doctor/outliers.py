"""Findings about single images: wrong suffix, blank, dark, bright, blurry, unusual size or shape.

None of these makes an image unusable.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan import image_stats
from foveal.dataset.scan.scan import Scan
from foveal.doctor.findings import Finding, Severity
from foveal.images.decode import IMAGE_FORMATS

_SUFFIXES = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png", ".apng"},
    "WEBP": {".webp"},
    "BMP": {".bmp", ".dib"},
    "GIF": {".gif"},
    "TIFF": {".tif", ".tiff"},
    "AVIF": {".avif", ".avifs"},
    "HEIF": {".heic", ".heif", ".hif"},
}
_ADVICE: dict[str, tuple[Severity, str]] = {
    "wrong_suffix": (
        "warning",
        "The suffix is of another format than the content, which is what counts: rename the file.",
    ),
    "blank": ("warning", "One uniform colour, nothing to learn from: delete it unless intended."),
    "invisible": (
        "warning",
        "Drawn in the colour of the background, so that only transparency tells what it shows: set "
        "preprocess.background to another colour when training.",
    ),
    "first_frame": (
        "warning",
        "Several frames or pages in one file, of which only the first is used, in training and "
        "prediction alike: save those that matter as images of their own.",
    ),
    "dark": ("info", "Nearly black everywhere: check whether it can be recognised at all."),
    "bright": ("info", "Nearly white everywhere: check whether it can be recognised at all."),
    "blurry": (
        "info",
        "Much less detail than in other images: check whether it can be recognised at all.",
    ),
    "unusual_size": (
        "info",
        "Far smaller or larger than most (4 times the area and beyond the usual range): a small "
        "image holds less detail than the network's input.",
    ),
    "unusual_shape": (
        "info",
        "Far wider or taller than most: fit 'crop' keeps only its centre; consider fit 'pad'.",
    ),
    "grey_among_coloured": (
        "info",
        "Grey among coloured images: harmless unless all are of one class.",
    ),
    "coloured_among_grey": (
        "info",
        "Coloured among grey images: harmless unless all are of one class.",
    ),
}
MAX_RARE_SHARE = 0.1
"""Grey or coloured images up to this share are reported."""


def outlier_findings(usable: Dataset, scan: Scan) -> Iterator[Finding]:
    """Findings about single images; `usable` holds the scanned rows, in their order."""
    if not len(usable):
        return
    for kind, flags in _flags(usable, scan):
        files = tuple(usable.paths[row] for row in np.flatnonzero(flags).tolist())
        if files:
            severity, advice = _ADVICE[kind]
            yield Finding(kind, severity, len(files), files, advice)


def _flags(usable: Dataset, scan: Scan) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The kind of each finding and the images it is about, bool (N,)."""
    measures = scan.measures
    formats = measures[:, image_stats.FORMAT_INDEX].astype(int).tolist()
    yield (
        "wrong_suffix",
        np.array([_wrong_suffix(path, i) for path, i in zip(usable.paths, formats, strict=True)]),
    )
    brightness = measures[:, image_stats.BRIGHTNESS]
    low, high = measures[:, image_stats.LEVEL_P1], measures[:, image_stats.LEVEL_P99]
    blank = (measures[:, image_stats.CONTRAST] < 2) & (high - low < 8)
    drawn = measures[:, image_stats.HAS_DRAWN_ALPHA] > 0
    yield "blank", blank & ~drawn
    yield "invisible", blank & drawn
    yield "first_frame", measures[:, image_stats.HAS_MORE_FRAMES] > 0
    yield "dark", ~blank & (brightness < 25) & (high < 80)
    yield "bright", ~blank & (brightness > 235) & (low > 180)
    yield "blurry", _blurry(measures[:, image_stats.SHARPNESS])
    sizes = scan.sizes.astype(float)
    yield "unusual_size", _outlying(np.log(sizes.prod(1)), np.log(4))
    yield "unusual_shape", _outlying(np.log(sizes[:, 0] / sizes[:, 1]), np.log(2))
    grey = measures[:, image_stats.IS_GREY] > 0
    if 0 < grey.mean() < MAX_RARE_SHARE:
        yield "grey_among_coloured", grey
    elif 0 < (~grey).mean() < MAX_RARE_SHARE:
        yield "coloured_among_grey", ~grey


def _blurry(sharpness: NDArray[np.float32]) -> NDArray[np.bool_]:
    finite = sharpness[np.isfinite(sharpness)]
    limit = min(0.08, float(np.median(finite)) / 4) if len(finite) else 0.0
    return np.asarray(sharpness < limit)


def _outlying(values: NDArray[np.float64], min_distance: float) -> NDArray[np.bool_]:
    """Further from the median than three interquartile ranges and than `min_distance`."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return np.asarray(np.abs(values - middle) > max(min_distance, 3 * (high - low)))


def _wrong_suffix(path: str, format_index: int) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    known = any(suffix in suffixes for suffixes in _SUFFIXES.values())
    return known and suffix not in _SUFFIXES[IMAGE_FORMATS[format_index]]
