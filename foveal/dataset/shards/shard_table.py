"""Which shard each image of a data set lies in, and how the shards are copied to this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset, Member
from foveal.dataset.shards.files import describe_shards, find_shard_files
from foveal.dataset.shards.local_copy import CopiedShard, RemoteShard
from foveal.dataset.shards.row_group import find_row_groups
from foveal.dataset.shards.shard_image import ShardImage
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.remote import address_of

Rows = NDArray[np.int64]


def can_stream(dataset: Dataset) -> bool:
    """Whether all images lie in .tar shards or in Parquet files."""
    members = dataset.archive_members
    kinds = {type(member) for member in members}
    return kinds in ({ShardImage}, {ParquetImage})


@dataclass(frozen=True)
class ShardTable:
    """Which shard each of N images lies in: int64 (N,), and how to copy them; None: no need to.

    unit: what a shard is, a .tar or a row group of a Parquet file, whose images are copied since
    they cannot be read one by one.
    """

    numbers: Rows
    copies: tuple[CopiedShard, ...] | None = None
    unit: Literal["shard", "row group"] = "shard"

    @property
    def count(self) -> int:
        """How many shards there are."""
        return int(self.numbers.max(initial=-1)) + 1


def shard_table(dataset: Dataset, rows: Rows) -> ShardTable:
    """The shards of these rows of a data set that `can_stream`.

    Raises DataError where a store does not answer or a Parquet file cannot be read.
    """
    number: dict[tuple[str, str, int], int] = {}
    shards = (_shard_of(dataset.archive_members[row]) for row in rows.tolist())
    numbers = np.array([number.setdefault(shard, len(number)) for shard in shards], np.int64)
    if any(column for _, column, _ in number):
        groups = tuple(find_row_groups(dataset.root, list(number)))
        return ShardTable(numbers, groups, "row group")
    return ShardTable(numbers, _remote_shards(dataset.root, [file for file, _, _ in number]))


def _shard_of(member: Member) -> tuple[str, str, int]:
    """The file in which an image lies, and of Parquet column and row group."""
    assert isinstance(member, ShardImage | ParquetImage)
    if isinstance(member, ParquetImage):
        return member.file, member.column, member.group
    return member.file, "", 0


def _remote_shards(root: Path, names: Sequence[str]) -> tuple[RemoteShard, ...] | None:
    """The .tar shards of a store or the web; None for those of the disk."""
    address = address_of(root)
    if address is None:
        return None
    found = find_shard_files(address)
    files = {} if found is None else {file.name: file for file in found.files}
    if not files.keys() >= set(names):  # a web server lists nothing
        files = {file.name: file for file in describe_shards(address, names)}
    if not files.keys() >= set(names):  # lost meanwhile: reading its images says so
        return None
    entries = found.index.shardlist if found is not None and found.index is not None else []
    digests = {entry.url: entry.sha256 for entry in entries}
    return tuple(
        RemoteShard(f"{address}/{name}", files[name].size, files[name].stamp, digests.get(name, ""))
        for name in names
    )
