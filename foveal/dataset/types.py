"""Names of splits and tasks, and files of a data set that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foveal.spec.values import Task as Task

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""What a folder or a cell of a table may be called, in lower case."""
LABEL_SEPARATOR = "|"
"""Between several labels in one cell of a table."""


@dataclass(frozen=True)
class UnusableFile:
    """A file that cannot be used and a short reason; `path` is relative to DATA."""

    path: str
    reason: str
