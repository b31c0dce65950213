"""The images of a project as columns, one row an image; a row's number is the image's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foveal.errors import UsageError
from foveal.text import printable

NO_LABEL = -1
NO_GROUP = -1
SPLIT_NAMES = ("auto", "train", "val", "test")
"""By their numbers in the column `split`."""
ColumnName = Literal["label", "split", "group", "source", "left_out", "present"]
_DTYPES: dict[ColumnName, Any] = {
    "label": np.int32,
    "split": np.int8,
    "group": np.int32,
    "source": np.int32,
    "left_out": np.bool_,
    "present": np.bool_,
}


def split_number(name: str) -> int:
    """The place of a split in SPLIT_NAMES.  Raises UsageError where there is none of this name."""
    if name not in SPLIT_NAMES:
        raise UsageError(
            f"'{printable(name[:80])}' is no split: give one of {', '.join(SPLIT_NAMES)}"
        )
    return SPLIT_NAMES.index(name)


@dataclass(frozen=True)
class Source:
    """Where images come from: `folder` of this machine, or what was uploaded (None)."""

    folder: str | None


class Images:
    """Columns that grow; ids are never used again.

    paths: absolute for a folder's images, relative to the project's folder for uploaded ones.
    names: as shown, for uploaded images; None for a folder's, whose path says it.
    label: id of a class or NO_LABEL.  split: index into SPLIT_NAMES.  group: index or NO_GROUP.
    present: False for images whose adding was undone.
    """

    def __init__(self) -> None:
        self.count = 0
        self.paths: list[str] = []
        self.names: list[str | None] = []
        self._columns: dict[ColumnName, NDArray[Any]] = {
            name: np.zeros(64, dtype) for name, dtype in _DTYPES.items()
        }

    def column(self, name: ColumnName) -> NDArray[Any]:
        """The column of all rows, a view."""
        return self._columns[name][: self.count]

    def append(self, paths: Sequence[str], names: Sequence[str | None], **values: Any) -> range:
        """Add rows and return their ids; values: one a row, or one for all."""
        start, end = self.count, self.count + len(paths)
        if end > len(self._columns["label"]):
            size = max(end, 2 * len(self._columns["label"]))
            self._columns = {
                name: np.concatenate([column, np.zeros(size - len(column), column.dtype)])
                for name, column in self._columns.items()
            }
        for name, value in values.items():
            self._columns[name][start:end] = value  # type: ignore[index]
        self.paths += paths
        self.names += names
        self.count = end
        return range(start, end)

    def present(self) -> NDArray[np.int64]:
        """The ids of all images of the project."""
        return np.flatnonzero(self.column("present"))

    def usable(self) -> NDArray[np.bool_]:
        """Which images are present and not left out, bool (count,)."""
        return np.asarray(self.column("present") & ~self.column("left_out"))
