"""Findings about classes and splits: small classes, imbalance, classes that a split lacks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import similar_classes, similar_classes_text
from foveal.dataset.types import SPLITS
from foveal.doctor.findings import Finding
from foveal.doctor.trainable import labels_of_split
from foveal.text import list_quoted, plural, sentence

MIN_CLASS_IMAGES = 10
MAX_IMBALANCE = 10
"""Images of the most frequent class for each of the rarest."""
_MISSPELT_SIMILARITY = 0.85
"""difflib's ratio: one letter of seven, or two neighbours that changed places."""
_DIGITS = re.compile(r"\d+")


def class_findings(usable: Dataset, counts: Counter[str]) -> Iterator[Finding]:
    """Empty and small classes, imbalance, and classes that a split lacks."""
    empty = [*(name for name in usable.classes if not counts[name]), *usable.empty_classes]
    if empty:
        advice = f"No usable image of {list_quoted(empty)}: add some, or remove the class."
        yield Finding("empty_class", "warning", len(empty), (), advice)
    small = [name for name in usable.classes if 0 < counts[name] < MIN_CLASS_IMAGES]
    if small:
        yield Finding(
            "few_images",
            "warning",
            len(small),
            (),
            f"Fewer than {MIN_CLASS_IMAGES} images of {list_quoted(small)}: scores of such "
            "classes are unreliable, and a class with one image cannot be scored; add more."
            + "".join(_misspelt(small, counts)),
        )
    similar = similar_classes(usable.classes)
    if similar:
        advice = sentence(similar_classes_text(similar))
        yield Finding("similar_classes", "warning", sum(map(len, similar)), (), advice)
    yield from _imbalance(counts)
    for split in SPLITS[1:]:
        yield from _missing_classes(usable, counts, split)


def _misspelt(small: Sequence[str], counts: Counter[str]) -> Iterator[str]:
    """A sentence for each small class whose name is nearly that of a class ten times as large."""
    digits = {name: _DIGITS.findall(name) for name in counts}
    for name in small:
        larger = [
            other
            for other, count in counts.items()
            if count >= max(MIN_CLASS_IMAGES, MAX_IMBALANCE * counts[name])
            and digits[other] == digits[name]
        ]
        close = get_close_matches(name, larger, n=3, cutoff=_MISSPELT_SIMILARITY)
        for other in [other for other in close if not similar_classes((name, other))][:1]:
            yield f" '{name}' may be '{other}' misspelt."


def _imbalance(counts: Counter[str]) -> Iterator[Finding]:
    ordered = sorted((count, name) for name, count in counts.items())
    if len(ordered) > 1 and ordered[-1][0] > MAX_IMBALANCE * ordered[0][0]:
        (low, rarest), (high, most_frequent) = ordered[0], ordered[-1]
        yield Finding(
            "imbalance",
            "warning",
            len(ordered),
            (),
            f"'{most_frequent}' has {plural(high, 'image')} and '{rarest}' {low}: compare balanced "
            "accuracies, and add images of the rare classes.",
        )


def _missing_classes(usable: Dataset, counts: Counter[str], split: str) -> Iterator[Finding]:
    present = labels_of_split(usable, usable.splits, split)
    missing = [name for name in usable.classes if name not in present and counts[name]]
    if present and missing:
        advice = f"{split} has no image of {list_quoted(missing)}, so it cannot score them."
        yield Finding("class_missing", "warning", len(missing), (), advice)
