"""Opens a folder of Parquet files as one data set, such as data/train-00000-of-00002.parquet.

This is how the datasets library and its hub write data sets: the names say the splits.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.split_folders import split_of_folder
from foveal.dataset.listing import is_image_name, list_files, stat_stamp
from foveal.dataset.tables.join import join_datasets
from foveal.dataset.tables.parquet import is_parquet
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.dataset.tables.table import open_table
from foveal.dataset.types import LayoutNote, Split
from foveal.errors import DataError
from foveal.text import and_more, plural

_COUNTED = re.compile(r"(.*?)[-_.]?(\d+)-of-(\d+)(-[0-9a-f]+)?", re.IGNORECASE)
"""The name, number and count of a shard, and the hash that older versions of the library add."""
MAX_LISTED = 3


def open_parquet_folder(root: Path, images: Path | None = None) -> Dataset | None:
    """The images of all Parquet files below a folder; None where it has none, or images.

    images: the folder of the images that the tables name, else that of each table.
    Raises DataError: names that say a split for some files only, several configurations in one
    folder, or see `open_table`.
    """
    shards = find_parquet_files(root)
    return open_parquet_shards(root, shards, images) if shards else None


def open_parquet_shards(
    root: Path,
    shards: Sequence[str],
    images: Path | None = None,
    *,
    stamps: Mapping[str, str] | None = None,
) -> Dataset:
    """The images of these Parquet files below a root, a folder or an address; see above.

    stamps: of each file, where they are known.
    """
    splits = {shard: split_of_shard(shard) for shard in shards}
    _require_one_configuration(root, splits)
    stamps = stamps or {shard: stat_stamp(root / shard) for shard in shards}
    parts = [
        _with_split(_open_shard(root, shard, images, stamps[shard]), splits[shard])
        for shard in shards
    ]
    _require_all_splits(root, shards, parts)
    inside = any(part.archive_members for part in parts)
    dataset = join_datasets(root if inside or images is None else images, parts)
    notes = (LayoutNote(_how_read(shards, splits)), *_missing_notes(shards))
    return replace(dataset, layout_notes=(*notes, *dataset.layout_notes))


def find_parquet_files(root: Path) -> list[str]:
    """The Parquet files below a folder, relative to it; none where there are images too."""
    found = []
    for file in list_files(root):
        if file.reason is None and is_parquet(file.parts[-1]):
            found.append(file.path)
        elif file.reason is None and is_image_name(file.parts[-1]):
            return []
    return found


def split_of_shard(shard: str) -> Split | None:
    """The split that the file's name says, else the last folder that says one."""
    *folders, name = shard.rpartition(".")[0].split("/")
    counted = _COUNTED.fullmatch(name)
    for part in (counted[1] if counted else name, *reversed(folders)):
        split = split_of_folder(part.removeprefix("partial-"))  # the hub, of a large data set
        if split is not None:
            return split
    return None


def _require_one_configuration(root: Path, splits: dict[str, Split | None]) -> None:
    folders: dict[Split | None, set[str]] = defaultdict(set)
    for shard, split in splits.items():
        folders[split].add(posixpath.dirname(shard) or ".")
    for split, names in folders.items():
        if len(names) > 1:
            raise DataError(
                f"{root} holds Parquet files of {split or 'no split'} in {len(names)} folders "
                f"({and_more(sorted(names), MAX_LISTED)}), as of several data sets: give one of "
                "the folders"
            )


def _open_shard(root: Path, shard: str, images: Path | None, stamp: str) -> Dataset:
    """The images of one file, with paths relative to `images`, else to `root`."""
    dataset = open_table(root / shard, images)
    if not dataset.archive_members and images is not None:
        return dataset
    if not dataset.archive_members:
        folder = posixpath.dirname(shard)
        paths = tuple(posixpath.join(folder, path) for path in dataset.paths)
        return replace(dataset, root=root, paths=paths)
    members = tuple(
        replace(member, file=shard)
        for member in dataset.archive_members
        if isinstance(member, ParquetImage)
    )
    return replace(
        dataset,
        root=root,
        paths=tuple(f"{shard}/{path}" for path in dataset.paths),
        archive_members=members,
        file_stamps=tuple(f"{stamp}:{member.stamp()}" for member in members),
    )


def _with_split(dataset: Dataset, split: Split | None) -> Dataset:
    """The part with the split of its name, where its own column says none."""
    if any(dataset.splits) or split is None:
        return dataset
    return replace(dataset, splits=(split,) * len(dataset))


def _require_all_splits(root: Path, shards: Sequence[str], parts: Sequence[Dataset]) -> None:
    unknown = [
        shard
        for shard, part in zip(shards, parts, strict=True)
        if len(part) and not all(part.splits)
    ]
    if unknown and any(any(part.splits) for part in parts):
        raise DataError(
            f"{root}: the names of {len(unknown)} of {plural(len(shards), 'Parquet file')} say no "
            f"split ({and_more(unknown, MAX_LISTED)}): rename them such as "
            "train-00000-of-00001.parquet, or take them out of the folder"
        )


def _how_read(shards: Sequence[str], splits: dict[str, Split | None]) -> str:
    first: dict[Split | None, list[str]] = defaultdict(list)
    for shard in shards:
        first[splits[shard]].append(shard)
    read = ", ".join(
        f"{plural(len(names), 'file')} as {split} ({names[0]})"
        for split, names in first.items()
        if split is not None
    )
    text = f"{plural(len(shards), 'Parquet file')} read as one data set"
    return f"{text}: {read}" if read else text


def _missing_notes(shards: Sequence[str]) -> list[LayoutNote]:
    """A warning for shards that the names count and that are not there."""
    groups: dict[tuple[str, int], set[int]] = defaultdict(set)
    for shard in shards:
        counted = _COUNTED.fullmatch(shard.rpartition(".")[0])
        if counted:
            groups[counted[1], int(counted[3])].add(int(counted[2]))
    return [
        LayoutNote(
            f"{plural(count - len(numbers), 'file')} of {name}-*-of-{count:05d}.parquet missing, "
            f"{len(numbers):,} there: download the data set again",
            is_warning=True,
        )
        for (name, count), numbers in groups.items()
        if len(numbers) < count
    ]
