"""Dataset: labelled images as columns of one table, and how to read each image."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.labels import are_composed, compose_labels, composition_notes
from foveal.dataset.listing import stat_stamp
from foveal.dataset.shards.shard_image import ShardImage
from foveal.dataset.tables.cells import join_labels
from foveal.dataset.tables.columns import TableColumns, parse_columns
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.dataset.types import LayoutNote, Split, Task, UnusableFile
from foveal.errors import DataError, MissingExtra
from foveal.images.file_bytes import read_bytes
from foveal.images.resize import to_input_pixels
from foveal.remote import address_of
from foveal.spec.preprocess import Input, Preprocess
from foveal.text import compose, name_bytes, natural_key

if TYPE_CHECKING:
    import pandas
    import pyarrow

Member = ArchiveMember | ParquetImage | ShardImage
_NO_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, one row an image; a plain value that anyone may build.

    root: the folder, the archive, or the folder of the table.
    paths: relative to root, POSIX (outside of it: absolute).  labels: the labels of each row.
    splits: 'train', 'val', 'test', or None where DATA does not say.
    groups: images of one group are never divided by a split that Foveal makes.
    classes: all label names, in natural sort order.  extra_columns: other columns, as text.
    archive_members: where each row lies in the archive, table or shards that root is or holds.
    file_stamps: see `file_stamp`.
    unusable: files that cannot be used.  notes: sentences about files and rows that were ignored.
    layout_notes: how folders and names were read.  problem: why there is no row, one sentence.
    empty_classes: classes that DATA names without any image; they are not in `classes`.
    Labels and classes are kept in Unicode's composed form (NFC).
    """

    root: Path
    paths: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    splits: tuple[Split | None, ...] = ()
    groups: tuple[str | None, ...] = ()
    classes: tuple[str, ...] = ()
    task: Task = "single"
    extra_columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_COLUMNS)
    archive_members: tuple[Member, ...] = ()
    file_stamps: tuple[str, ...] = ()
    unusable: tuple[UnusableFile, ...] = ()
    notes: tuple[str, ...] = ()
    layout_notes: tuple[LayoutNote, ...] = ()
    problem: str = ""
    empty_classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = len(self.paths)
        if not self.splits:
            object.__setattr__(self, "splits", (None,) * rows)
        if not self.groups:
            object.__setattr__(self, "groups", (None,) * rows)
        names = self.classes or {name for labels in self.labels for name in labels}
        if not are_composed(names):
            self._compose_labels(names)
        elif not self.classes:
            object.__setattr__(self, "classes", tuple(sorted(names, key=natural_key)))
        lengths = {len(self.labels), len(self.splits), len(self.groups)}
        lengths |= {len(column) for column in self.extra_columns.values()}
        if lengths != {rows}:
            raise DataError(
                f"the columns of a Dataset must have one length, not {rows} paths, "
                f"{len(self.labels)} labels, {len(self.splits)} splits, {len(self.groups)} groups"
            )

    def _compose_labels(self, names: Collection[str]) -> None:
        """Set labels and classes in NFC, with a note about names that became one."""
        classes = dict.fromkeys(map(compose, names))
        in_order = tuple(classes) if self.classes else tuple(sorted(classes, key=natural_key))
        object.__setattr__(self, "labels", compose_labels(self.labels))
        object.__setattr__(self, "classes", in_order)
        notes = (*self.layout_notes, *composition_notes(names))
        object.__setattr__(self, "layout_notes", notes)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def absolute_root(self) -> Path:
        """The root from the top of the file system, or the address that it is."""
        return self.root if address_of(self.root) else self.root.resolve()

    def read(self, row: int) -> bytes:
        """The bytes of one image's file; ImageError where it cannot be read."""
        if self.archive_members:
            return self.archive_members[row].read(self.root)
        return read_bytes(os.path.join(self.root, self.paths[row]))  # noqa: PTH118 - quicker

    def subset(self, rows: Sequence[int]) -> Dataset:
        """Only these rows, in this order; `classes` stays the same."""

        def select(column: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(column[row] for row in rows) if column else ()

        return replace(
            self,
            paths=select(self.paths),
            labels=select(self.labels),
            splits=select(self.splits),
            groups=select(self.groups),
            archive_members=select(self.archive_members),
            file_stamps=select(self.file_stamps),
            extra_columns={name: select(column) for name, column in self.extra_columns.items()},
        )

    def file_stamp(self, row: int) -> str:
        """Text that changes when the image's file does: size and times, without reading it."""
        if self.file_stamps:
            return self.file_stamps[row]
        if self.archive_members:
            return self.archive_members[row].stamp()
        return stat_stamp(self.root / self.paths[row])

    def fingerprint(self, rows: Sequence[int]) -> str:
        """128 bits in hex over path and file stamp of the rows, as a key of caches.

        A table of absolute paths has the same wherever it lies.
        """
        digest = hashlib.blake2b(digest_size=16)
        if not all(os.path.isabs(self.paths[row]) for row in rows):  # noqa: PTH117 - a million
            digest.update(name_bytes(str(self.absolute_root)))
        if self.archive_members and not self.file_stamps:  # those tell of the file of each member
            digest.update(stat_stamp(self.root).encode())
        for row in rows:
            digest.update(name_bytes(f"\x1e{self.paths[row]}\x1f{self.file_stamp(row)}"))
        return digest.hexdigest()

    @classmethod
    def from_columns(
        cls, root: str | Path, columns: Mapping[str, Sequence[object]], source: str = "the table"
    ) -> Dataset:
        """The images of columns path, label and optionally split and group.

        Paths are resolved against root; several labels in one cell are separated by | or a list.
        source: the name of the table in messages. Raises DataError, see `parse_columns`.
        """
        return cls.from_parsed(Path(root), parse_columns(Path(root), columns, source))

    @classmethod
    def from_parsed(
        cls, root: Path, table: TableColumns, archive_members: tuple[Member, ...] = ()
    ) -> Dataset:
        """The usable rows of a table; archive_members: one for each of all its rows."""
        dataset = cls(
            root=root,
            paths=table.paths,
            labels=table.labels,
            splits=table.splits,
            groups=table.groups,
            task=table.task,
            extra_columns=table.extra_columns,
            archive_members=archive_members,
            file_stamps=table.file_stamps,
        )
        if len(table.usable) < len(dataset):
            dataset = dataset.subset(table.usable)
        layout_notes = (*dataset.layout_notes, *map(LayoutNote, table.layout_notes))
        return replace(
            dataset, unusable=table.unusable, notes=table.notes, layout_notes=layout_notes
        )

    @classmethod
    def from_pandas(cls, root: str | Path, frame: pandas.DataFrame) -> Dataset:
        """The images of a DataFrame, whose missing values are empty cells; see `from_columns`."""
        cells = frame.astype(object).where(frame.notna(), None)  # NA and NaT are text otherwise
        return cls.from_columns(root, {str(name): cells[name].tolist() for name in cells.columns})

    @classmethod
    def from_arrow(cls, root: str | Path, table: pyarrow.Table) -> Dataset:
        """The images of a pyarrow Table; see `from_columns`."""
        return cls.from_columns(root, table.to_pydict())

    @classmethod
    def from_samples(
        cls, root: str | Path, samples: Sequence[tuple[str, int]], classes: Sequence[str]
    ) -> Dataset:
        """The `samples` and `classes` of a torchvision ImageFolder or a class like it."""
        columns: dict[str, Sequence[object]] = {
            "path": [path for path, _ in samples],
            "label": [[classes[index]] for _, index in samples],
        }
        return cls.from_columns(root, columns, "samples")

    def to_columns(self) -> dict[str, list[str | None]]:
        """Columns path, label (as `join_labels` writes it), split, group and the extra ones."""
        return {
            "path": list(self.paths),
            "label": [join_labels(labels) for labels in self.labels],
            "split": list(self.splits),
            "group": list(self.groups),
            **{name: list(column) for name, column in self.extra_columns.items()},
        }

    def to_pandas(self) -> pandas.DataFrame:
        """The columns as a DataFrame."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtra("a Dataset as a DataFrame", "table") from error
        return pandas.DataFrame(self.to_columns())

    def to_arrow(self) -> pyarrow.Table:
        """The columns as a pyarrow Table."""
        try:
            import pyarrow
        except ImportError as error:
            raise MissingExtra("a Dataset as a pyarrow Table", "table") from error
        return pyarrow.table(self.to_columns())

    def to_map_style(self, input: Input, preprocess: Preprocess) -> MapStyleDataset:
        """A map-style dataset for torch's DataLoader; needs no torch itself."""
        return MapStyleDataset(self, input, preprocess)


@dataclass(frozen=True, eq=False)
class MapStyleDataset:
    """row -> (uint8 (H, W, C), class index), or a tuple of indices with several labels an image.

    Reading a row raises ImageError where its image cannot be read.
    """

    dataset: Dataset
    input: Input
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> tuple[np.ndarray, int | tuple[int, ...]]:
        if not -len(self) <= row < len(self):
            raise IndexError(row)  # this ends a for loop over a sequence
        classes = self.dataset.classes
        indices = tuple(classes.index(label) for label in self.dataset.labels[row])
        pixels = to_input_pixels(self.dataset.read(row), self.input, self.preprocess)
        return pixels.copy(), indices[0] if self.dataset.task == "single" else indices
