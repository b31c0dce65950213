"""Labels: as arrays, in Unicode's composed form, and class names that look the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.types import LayoutNote, Task
from foveal.text import and_more, compose, list_quoted, plural

_LOOK_ALIKES = str.maketrans(
    "авезікмнорсԁтуѕхјһӏԛԝαβεικνορτυχω٠", "abe3ikmhopcdtysxjhlqwabeikvoptuxw0"
)
"""Letters of other scripts that look like Latin ones, in lower case."""
_BLANKS = re.compile(r"(?<!\d)[\s_]+|[\s_]+(?!\d)")


def encode_labels(
    labels: Sequence[Sequence[str]], classes: Sequence[str], task: Task
) -> NDArray[np.int64] | NDArray[np.bool_]:
    """Labels of N images over K `classes`: int64 (N,) for 'single', bool (N, K) for 'multi'.

    For 'multi' labels that are not in `classes` are left out; for 'single' the first label of
    each image counts and must be in `classes` (KeyError).
    """
    index = {name: number for number, name in enumerate(classes)}
    if task == "single":
        return np.array([index[names[0]] for names in labels], np.int64)
    encoded = np.zeros((len(labels), len(index)), np.bool_)
    for row, names in enumerate(labels):
        encoded[row, [index[name] for name in names if name in index]] = True
    return encoded


def encode_one_label(labels: Sequence[Sequence[str]]) -> tuple[list[str], NDArray[np.int64]]:
    """The classes of N images with one label each, sorted, and their indices, int64 (N,)."""
    classes = sorted({names[0] for names in labels})
    index = {name: number for number, name in enumerate(classes)}
    return classes, np.array([index[names[0]] for names in labels], np.int64)


def are_composed(names: Iterable[str]) -> bool:
    """Whether all names are in NFC already."""
    return all(unicodedata.is_normalized("NFC", name) for name in names)


def compose_labels(labels: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The labels of each image in NFC, each once."""
    return tuple(tuple(dict.fromkeys(map(compose, names))) for names in labels)


def composition_notes(names: Collection[str]) -> list[LayoutNote]:
    """A note about class names that differ in Unicode composition only, and so became one."""
    counts = Counter(map(compose, names))
    merged = sorted(name for name, count in counts.items() if count > 1)
    if not merged:
        return []
    what = plural(len(merged), "class is", "classes are")
    text = f"{what} written in two Unicode forms (composed and decomposed) and taken as one"
    return [LayoutNote(f"{text}: {list_quoted(merged)}")]


def similar_classes(classes: Sequence[str]) -> list[list[str]]:
    """Groups of class names that differ only by case, blanks or characters that look the same."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault(_skeleton(name), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def similar_classes_text(groups: Sequence[Sequence[str]]) -> str:
    """The sentence about class names that look the same."""
    listed = and_more((" and ".join(map(_quoted, names)) for names in groups), 3)
    return (
        "class names that differ only by case, blanks or characters that look the same: "
        f"{listed}; where they mean one class, give them one name"
    )


def _quoted(name: str) -> str:
    """The name in quotes; where letters look like Latin ones, those of other scripts escaped."""
    lower = name.casefold()
    return ascii(name) if lower != lower.translate(_LOOK_ALIKES) else f"'{name}'"


def _skeleton(name: str) -> str:
    """What remains of a name without case, blanks and the script of its letters."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return _BLANKS.sub("", text.strip()).translate(_LOOK_ALIKES)
