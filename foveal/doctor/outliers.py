"""Single images that stand out: wrong suffix, blank, dark, bright, blurry, odd size or shape.

Knows nothing of labels, duplicates or splits; none of this makes an image unusable.
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
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}, "PNG": {".png", ".apng"},
    "WEBP": {".webp"}, "BMP": {".bmp", ".dib"}, "GIF": {".gif"}, "TIFF": {".tif", ".tiff"},
    "AVIF": {".avif", ".avifs"},
}  # fmt: skip


def find_outliers(usable: Dataset, scan: Scan) -> Iterator[Finding]:
    """Findings about single images; `usable` holds the scanned rows, in their order."""
    if not len(usable):
        return
    measured = scan.measures
    kinds = np.array(
        [
            _suffix_wrong(path, int(code))
            for path, code in zip(usable.paths, measured[:, image_stats.FORMAT_INDEX], strict=True)
        ]
    )
    bright, spread = measured[:, image_stats.BRIGHTNESS], measured[:, image_stats.CONTRAST]
    low, high = measured[:, image_stats.LEVEL_P1], measured[:, image_stats.LEVEL_P99]
    blank = (spread < 2) & (high - low < 8)
    sharp = measured[:, image_stats.SHARPNESS]
    fine = sharp[np.isfinite(sharp)]
    blurred = sharp < (min(0.08, float(np.median(fine)) / 4) if len(fine) else 0)
    yield from _flagged(usable, "wrong_suffix", "warning", kinds, (
        "The suffix says another format than the file has; it is read by its content: rename it."
    ))  # fmt: skip
    yield from _flagged(usable, "blank", "warning", blank, (
        "One flat shade: nothing to learn from; delete it unless it is meant."
    ))  # fmt: skip
    yield from _flagged(usable, "dark", "info", ~blank & (bright < 25) & (high < 80), (
        "Nearly black all over: see whether it can be recognised at all."
    ))  # fmt: skip
    yield from _flagged(usable, "bright", "info", ~blank & (bright > 235) & (low > 180), (
        "Nearly white all over: see whether it can be recognised at all."
    ))  # fmt: skip
    yield from _flagged(usable, "blurry", "info", blurred, (
        "Much less detail than the others: see whether it can be recognised at all."
    ))  # fmt: skip
    yield from _shapes(usable, scan)
    grey = measured[:, image_stats.IS_GREY] > 0
    rare, name = (grey, "grey") if grey.mean() < 0.5 else (~grey, "coloured")
    if 0 < rare.mean() < 0.1:
        other = "coloured" if name == "grey" else "grey"
        yield from _flagged(usable, f"{name}_among_{other}", "info", rare, (
            f"{name.capitalize()} among {other} images: harmless unless one class has them all."
        ))  # fmt: skip


def _shapes(usable: Dataset, scan: Scan) -> Iterator[Finding]:
    size = scan.sizes.astype(float)
    area = _outlying(np.log(size.prod(1)), np.log(4))
    aspect = _outlying(np.log(size[:, 0] / size[:, 1]), np.log(2))
    yield from _flagged(usable, "odd_size", "info", area, (
        "Far smaller or larger than most (4 times the area and beyond the usual spread): a small "
        "one holds less detail than the network is shown."
    ))  # fmt: skip
    yield from _flagged(usable, "odd_shape", "info", aspect, (
        "Far longer or taller than most: fit 'crop' shows only its middle; consider fit 'pad'."
    ))  # fmt: skip


def _outlying(values: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Beyond three times the distance between the quartiles, and beyond `least`."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return np.asarray(np.abs(values - middle) > max(least, 3 * (high - low)))


def _suffix_wrong(path: str, code: int) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    known = any(suffix in some for some in _SUFFIXES.values())
    return known and suffix not in _SUFFIXES[IMAGE_FORMATS[code]]


def _flagged(
    usable: Dataset,
    kind: str,
    severity: Severity,
    flags: NDArray[np.bool_],
    advice: str,
) -> Iterator[Finding]:
    files = tuple(usable.paths[row] for row in np.flatnonzero(flags).tolist())
    if files:
        yield Finding(kind, severity, len(files), files, advice)
