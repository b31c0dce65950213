"""A Listing: the labelled images of a data set as one plain table, and how to read each.

Knows nothing of how folders, tables and archives are laid out, nor of pixels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from foveal.dataset.archive_member import ArchiveMember
from foveal.errors import DataError, MissingExtra
from foveal.images.decode import read_bytes
from foveal.spec.preprocess import Input, Preprocess
from foveal.spec.values import Task as Task
from foveal.text import natural_key

if TYPE_CHECKING:
    import numpy as np
    import pandas
    import pyarrow

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
_NOTHING: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class UnusableFile:
    """An image that cannot be used and the reason in a few words; `path` is relative to DATA."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, one row an image; a plain value that anyone may build.

    root: the folder, or the archive, or the folder of the table.
    paths: relative to root, POSIX (outside of it: absolute).  labels: one or more a row.
    splits: 'train', 'val', 'test', or None where DATA does not say.
    groups: images of one group never straddle a split Foveal makes.
    classes: all names in natural sort order.  columns: other columns of the table, as text.
    members: where each row lies inside an archive.  stamps: text that changes when a file does.
    unusable: what stood where an image should and could not be taken.
    notes: what was skipped on the way, in sentences.
    """

    root: Path
    paths: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    splits: tuple[Split | None, ...] = ()
    groups: tuple[str | None, ...] = ()
    classes: tuple[str, ...] = ()
    task: Task = "single"
    extra_columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    archive_members: tuple[ArchiveMember, ...] = ()
    file_stamps: tuple[str, ...] = ()
    unusable: tuple[UnusableFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = len(self.paths)
        if not self.splits:
            object.__setattr__(self, "splits", (None,) * rows)
        if not self.groups:
            object.__setattr__(self, "groups", (None,) * rows)
        if not self.classes:
            names = {name for labels in self.labels for name in labels}
            object.__setattr__(self, "classes", tuple(sorted(names, key=natural_key)))
        sizes = {len(self.labels), len(self.splits), len(self.groups)}
        sizes |= {len(column) for column in self.extra_columns.values()}
        if sizes != {rows}:
            raise DataError(
                f"a Listing needs columns of one length: {rows} paths, {len(self.labels)} labels, "
                f"{len(self.splits)} splits, {len(self.groups)} groups"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, row: int) -> bytes:
        """The bytes of one image's file; ImageError where it cannot be read."""
        if self.archive_members:
            return self.archive_members[row].read(self.root)
        return read_bytes(os.path.join(self.root, self.paths[row]))  # noqa: PTH118 - quicker

    def subset(self, rows: Sequence[int]) -> Dataset:
        """Only these rows, in this order; the classes stay."""

        def taken(column: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(column[row] for row in rows) if column else ()

        return replace(
            self,
            paths=taken(self.paths),
            labels=taken(self.labels),
            splits=taken(self.splits),
            groups=taken(self.groups),
            archive_members=taken(self.archive_members),
            file_stamps=taken(self.file_stamps),
            extra_columns={name: taken(column) for name, column in self.extra_columns.items()},
        )

    def file_stamp(self, row: int) -> str:
        """Text that changes when the image's file does: size and times, without reading it."""
        if self.file_stamps:
            return self.file_stamps[row]
        if self.archive_members:
            return self.archive_members[row].stamp()
        return stat_stamp(self.root / self.paths[row])

    def fingerprint(self, rows: Sequence[int]) -> str:
        """128 bits in hex over place, path and stamp of the rows: the fast key of caches."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(str(self.root.resolve()).encode("utf-8", "surrogateescape"))
        if self.archive_members:
            digest.update(stat_stamp(self.root).encode())
        for row in rows:
            line = f"\x1e{self.paths[row]}\x1f{self.file_stamp(row)}"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame with columns path, label, split, group and the table's others."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtra("a Listing as a DataFrame", "table") from error
        return pandas.DataFrame(self.to_columns())

    def to_arrow(self) -> pyarrow.Table:
        """The same as a pyarrow Table."""
        try:
            import pyarrow
        except ImportError as error:
            raise MissingExtra("a Listing as a pyarrow Table", "table") from error
        return pyarrow.table(self.to_columns())

    @classmethod
    def from_pandas(cls, root: str | Path, frame: pandas.DataFrame) -> Dataset:
        """The images of a DataFrame with columns path, label and, if wanted, split, group.

        Paths resolve against root; the rules and errors are those of a CSV table.
        """
        from foveal.dataset.table import from_columns

        columns = {str(name): frame[name].tolist() for name in frame.columns}
        return from_columns(Path(root), columns, "the table")

    @classmethod
    def from_arrow(cls, root: str | Path, table: pyarrow.Table) -> Dataset:
        """The same from a pyarrow Table."""
        from foveal.dataset.table import from_columns

        return from_columns(Path(root), table.to_pydict(), "the table")

    @classmethod
    def from_samples(
        cls, root: str | Path, samples: Sequence[tuple[str, int]], classes: Sequence[str]
    ) -> Dataset:
        """The `samples` and `classes` of a torchvision ImageFolder or of a Dataset made like it."""
        from foveal.dataset.table import from_columns

        columns = {
            "path": [path for path, _ in samples],
            "label": [classes[number] for _, number in samples],
        }
        return from_columns(Path(root), columns, "samples")

    def to_map_style(self, input: Input, preprocess: Preprocess) -> MapStyleDataset:
        """A map-style torch Dataset (it needs no torch): pixels and class number of each row."""
        return MapStyleDataset(self, input, preprocess)

    def to_columns(self) -> dict[str, list[str | None]]:
        """Plain columns: path, label (several joined with |), split, group, and the others."""
        return {
            "path": list(self.paths),
            "label": ["|".join(labels) for labels in self.labels],
            "split": list(self.splits),
            "group": list(self.groups),
            **{name: list(column) for name, column in self.extra_columns.items()},
        }


@dataclass(frozen=True, eq=False)
class MapStyleDataset:
    """What torch's DataLoader takes: row -> (uint8 (H, W, C), class number); raises ImageError.

    With several labels a row the number is a tuple of class numbers.
    """

    dataset: Dataset
    input: Input
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> tuple[np.ndarray, int | tuple[int, ...]]:
        if not -len(self) <= row < len(self):
            raise IndexError(row)  # the protocol of sequences: this ends a plain for loop
        from foveal.images.resize import to_input_pixels

        names = self.dataset.classes
        numbers = tuple(names.index(label) for label in self.dataset.labels[row])
        pixels = to_input_pixels(self.dataset.read(row), self.input, self.preprocess)
        return pixels.copy(), numbers[0] if self.dataset.task == "single" else numbers


def stat_stamp(path: Path) -> str:
    """Size, modification and change time of a file; empty where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
