"""The value range and the background of a data set, found once over a sample of its images.

They are facts of the data set: scan, check, training and the model file use the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.sampling import even_sample
from foveal.dataset.workers.pool import map_ordered
from foveal.errors import ImageError
from foveal.images.levels import LevelStats, ValueRange, full_of_bits
from foveal.images.measure import BACKGROUNDS, PixelMeasure, is_special, measure_pixels
from foveal.spec.preprocess import Preprocess

MAX_SAMPLED_IMAGES = 512
"""Images whose header is read, evenly spread over those that are not val or test."""
MAX_MEASURED_IMAGES = 128
"""Of those with more than 8 bits or with transparency, images that are decoded."""
MIN_CONTRAST = 48.0
"""Levels by which nine in ten drawings must differ from black for the background to stay black."""
MIN_TRANSPARENT_SHARE = 0.02
_NAMES = {(0, 0, 0): "black", (255, 255, 255): "white", (128, 128, 128): "grey"}
_CHUNK_SIZE = 16
_known: WeakKeyDictionary[Dataset, PixelFacts] = WeakKeyDictionary()


@dataclass(frozen=True)
class PixelFacts:
    """range, background: as in Preprocess, with the reasons.  warnings: what cannot be settled."""

    range: ValueRange | None = None
    range_reason: str = ""
    background: tuple[int, int, int] = (0, 0, 0)
    background_reason: str = ""
    warnings: tuple[str, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        """One line for each value that is not the default."""
        return tuple(filter(None, (self.range_reason, self.background_reason)))

    def settle(self, preprocess: Preprocess) -> tuple[Preprocess, tuple[str, ...]]:
        """`preprocess` with these values where it gives none, and the reasons of those taken."""
        given = preprocess.model_fields_set
        update: dict[str, object] = {}
        reasons = []
        if self.range is not None and "range" not in given:
            update["range"] = self.range
            reasons.append(self.range_reason)
        if self.background_reason and "background" not in given:
            update["background"] = self.background
            reasons.append(self.background_reason)
        return (preprocess.model_copy(update=update) if update else preprocess), tuple(reasons)


def find_pixel_facts(dataset: Dataset) -> PixelFacts:
    """The facts of a data set's images that are not val or test; kept as long as `dataset` is."""
    if dataset not in _known:
        _known[dataset] = _find(dataset)
    return _known[dataset]


def _find(dataset: Dataset) -> PixelFacts:
    rows = [row for row, split in enumerate(dataset.splits) if split in (None, "train")]
    sample = [rows[index] for index in even_sample(len(rows), MAX_SAMPLED_IMAGES)]
    special = [
        row
        for chunk, flags in map_ordered(lambda rows: _flags(dataset, rows), sample, _CHUNK_SIZE)
        for row, flag in zip(chunk, flags, strict=True)
        if flag
    ]
    if not special:
        return PixelFacts()
    selected = [special[index] for index in even_sample(len(special), MAX_MEASURED_IMAGES)]
    measured = [
        one
        for _, ones in map_ordered(lambda rows: _measure(dataset, rows), selected, _CHUNK_SIZE)
        for one in ones
    ]
    total = round(len(sample) * len(selected) / len(special))
    levels = [one.levels for one in measured if one.levels is not None]
    contrasts = [one.contrasts for one in measured if one.contrasts is not None]
    value_range, range_reason = _choose_range(levels, total)
    background, background_reason = _choose_background(contrasts, total)
    warnings = tuple(_warnings(levels))
    return PixelFacts(value_range, range_reason, background, background_reason, warnings)


def _flags(dataset: Dataset, rows: Sequence[int]) -> list[bool]:
    flags = []
    for row in rows:
        try:
            flags.append(is_special(dataset.read(row)))
        except ImageError:
            flags.append(False)
    return flags


def _measure(dataset: Dataset, rows: Sequence[int]) -> list[PixelMeasure]:
    measured = []
    for row in rows:
        try:
            measured.append(measure_pixels(dataset.read(row)))
        except ImageError:
            continue
    return measured


def _choose_range(levels: Sequence[LevelStats], total: int) -> tuple[ValueRange | None, str]:
    if not levels:
        return None, ""
    kind = Counter(one.kind for one in levels).most_common(1)[0][0]
    same = [one for one in levels if one.kind == kind]
    low = float(np.quantile([one.low for one in same], 0.01, method="lower"))
    high = float(np.quantile([one.high for one in same], 0.99, method="higher"))
    tags = {one.tagged for one in same}
    tagged = tags.pop() if len(tags) == 1 else None
    if tagged is not None and tagged[0] <= low and high <= tagged[1]:
        chosen, source = tagged, "the files' own tags say so"
    else:
        chosen = {"16-bit": _range_of_bits, "32-bit": _range_of_integers}.get(
            kind, _range_of_floats
        )(low, high)
        source = f"from {low:g} to {high:g}"
    reason = (
        f"preprocess.range [{chosen[0]:.7g}, {chosen[1]:.7g}]: {len(same)} of {total} sampled "
        f"images hold {kind} values {source}; 8-bit images keep 0 to 255"
    )
    return chosen, reason


def _range_of_bits(low: float, high: float) -> ValueRange:
    """0 to the highest value of as many bits as are used; the values' own where they are narrow."""
    full = full_of_bits(high)
    return (low, high) if 0 < high - low < full / 8 and low > 0 else (0.0, full)


def _range_of_integers(low: float, high: float) -> ValueRange:
    return (0.0, 255.0) if low >= 0 and high <= 255 else _rounded(low, high)


def _range_of_floats(low: float, high: float) -> ValueRange:
    for usual in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        inside = usual[0] <= low and high <= usual[1]
        if inside and high - low > (usual[1] - usual[0]) / 4:
            return usual
    return _rounded(low, high)


def _rounded(low: float, high: float) -> ValueRange:
    """Outwards to three digits of the width; from 0 where the lowest value is next to it."""
    if not low < high:
        return low, low + 1.0
    if 0 <= low < high / 20:
        low = 0.0
    step = 10.0 ** np.floor(np.log10(high - low) - 2)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)


def _choose_background(
    contrasts: Sequence[tuple[float, ...]], total: int
) -> tuple[tuple[int, int, int], str]:
    """Black where it separates the drawings, else what does so best; and the reason."""
    black = BACKGROUNDS[0]
    if not contrasts or len(contrasts) < MIN_TRANSPARENT_SHARE * total:
        return black, ""
    scores = np.quantile(np.array(contrasts), 0.1, axis=0)
    if scores[0] >= MIN_CONTRAST or scores.argmax() == 0:
        return black, ""
    chosen = BACKGROUNDS[int(scores.argmax())]
    return chosen, (
        f"preprocess.background {list(chosen)}: {len(contrasts)} of {total} sampled images have "
        f"transparent parts, and what is drawn differs from {_NAMES[chosen]} by "
        f"{scores.max():.0f} levels of 255, from black by {scores[0]:.0f}"
    )


def _warnings(levels: Sequence[LevelStats]) -> list[str]:
    warnings = []
    kinds = Counter(one.kind for one in levels).most_common()
    if len(kinds) > 1:
        counts = " and ".join(f"{count} {kind}" for kind, count in kinds)
        warnings.append(
            f"the sampled images hold values of different kinds ({counts}), which one "
            "preprocess.range cannot fit: convert them to one kind"
        )
    not_finite = sum(not one.finite for one in levels)
    if not_finite:
        warnings.append(
            f"{not_finite} of {len(levels)} sampled images hold NaN or infinite values: NaN is "
            "read as the low end of preprocess.range, infinity as the end on its side"
        )
    return warnings
