"""Names of splits and tasks, and files of a data set that cannot be used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from foveal.spec.values import Task as Task

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
SPLIT_WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training", "trn"),
    "val": (
        "val",
        "valid",
        "validation",
        "validate",
        "dev",
        "devel",
        "development",
        "eval",
        "evaluation",
    ),
    "test": ("test", "testing", "tst", "holdout", "heldout"),
}
"""What a folder or a cell of a table may be called: see `split_of` for the spelling."""
SPLIT_NAMES: dict[str, Split] = {
    word: split for split, words in SPLIT_WORDS.items() for word in words
}
_SPELLING = re.compile(r"[\s_.\-]+")
_SUFFIXES = ("split", "set", "data", "images", "imgs")


def split_of(name: str) -> Split | None:
    """The split that `name` says in any case and spelling: `Training_Set`, `hold-out`, `VALID`."""
    word = _SPELLING.sub("", name).lower()
    for suffix in ("", *_SUFFIXES):
        split = SPLIT_NAMES.get(word.removesuffix(suffix))
        if split is not None:
            return split
    return None


@dataclass(frozen=True)
class UnusableFile:
    """A file that cannot be used and a short reason; `path` is relative to DATA."""

    path: str
    reason: str


@dataclass(frozen=True)
class LayoutNote:
    """How folders and names were read as splits and classes: one sentence without its full stop.

    is_warning: whether another reading is as likely.
    """

    text: str
    is_warning: bool = False
