"""Opens shards as a Dataset: each image is a place in a .tar, or a row of a Parquet file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foveal import cache
from foveal.dataset.dataset import Dataset
from foveal.dataset.shards.files import ShardFile, ShardFiles
from foveal.dataset.shards.index import ShardEntry
from foveal.dataset.shards.local_copy import forget_other_copy
from foveal.dataset.shards.remote_reader import open_remote
from foveal.dataset.shards.row_group import row_group_address
from foveal.dataset.shards.shard_image import ShardImage
from foveal.dataset.shards.tar_index import index_tar
from foveal.dataset.tables.columns import parse_columns
from foveal.dataset.tables.parquet_folder import open_parquet_shards, split_of_shard
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.dataset.types import LayoutNote, Split, UnusableFile
from foveal.dataset.workers.pool import map_ordered
from foveal.errors import DataError, Error, ImageError
from foveal.files import write_atomic
from foveal.remote import address_of
from foveal.text import plural

TAR_INDEX_FORMAT = 1
"""Part of the cache key: raise it when what is read of a shard changes."""
_ENTRY_FILE = "entry.json"
MISSING = "no such shard"
NO_LABEL = "no label: neither a .cls nor a .json with a label has its key"


def open_shards(shards: ShardFiles, *, labelled: bool = True) -> Dataset:
    """The labelled images of shards; those of a missing or damaged shard are unusable.

    labelled: whether an image without a label is unusable, else no image has labels.
    Raises DataError where there are shards of both kinds or one cannot be fetched.
    """
    parquet = [file.name for file in shards.files if file.name.lower().endswith(".parquet")]
    if parquet and len(parquet) < len(shards.files):
        raise DataError(
            f"{shards.root} holds .tar and .parquet shards; give a pattern of one kind, such as "
            "*.tar"
        )
    if parquet:
        missing = tuple(UnusableFile(name, MISSING) for name in shards.missing)
        stamps = {file.name: file.stamp for file in shards.files}
        dataset = open_parquet_shards(shards.root, parquet, stamps=stamps)
        _forget_other_row_groups(dataset, stamps)
        return replace(dataset, unusable=(*dataset.unusable, *missing))
    return _open_tars(shards, labelled=labelled)


def _forget_other_row_groups(dataset: Dataset, stamps: Mapping[str, str]) -> None:
    """Remove copies of what was in a store before; those of this machine have the stamp as key."""
    if address_of(dataset.root) is None:
        return
    members = (one for one in dataset.archive_members if isinstance(one, ParquetImage))
    for file, column, group in dict.fromkeys((one.file, one.column, one.group) for one in members):
        address = row_group_address(str(dataset.root / file), column, group)
        forget_other_copy(address, stamps[file])


def _open_tars(shards: ShardFiles, *, labelled: bool) -> Dataset:
    for file in shards.files if address_of(shards.root) else ():
        forget_other_copy(str(address_of(shards.root / file.name)), file.stamp)
    known = {} if shards.index is None else {one.url: one for one in shards.index.shardlist}
    unusable = [UnusableFile(name, MISSING) for name in shards.missing if name not in known]
    unusable += [
        UnusableFile(path, f"{MISSING}: {name}")
        for name in shards.missing
        if name in known
        for path in known[name].paths
    ]
    entries: list[tuple[ShardEntry, str]] = []
    unknown = [file for file in shards.files if file.name not in known]
    found = dict(
        zip((file.name for file in unknown), _index_all(shards.root, unknown), strict=True)
    )
    for file in shards.files:
        entry = known.get(file.name)
        if entry is not None and entry.filesize != file.size:
            reason = f"its shard {file.name} has {file.size:,} bytes, not {entry.filesize:,}"
            unusable += [UnusableFile(path, reason) for path in entry.paths]
            continue
        entry = entry or found[file.name]
        entries.append((entry, file.stamp))
        unusable += [
            UnusableFile("/".join(filter(None, (file.name, name))), reason)
            for name, reason in entry.unusable
        ]
    if shards.index is not None:
        unusable += [UnusableFile(*item) for item in shards.index.unusable]
    dataset = _to_dataset(shards.root, entries, labelled=labelled)
    text = f"{plural(len(shards.files), '.tar shard')} read as one data set"
    notes = () if shards.index is not None else (LayoutNote(text),)  # an index leaves no choice
    unusable = [*dataset.unusable, *unusable]
    return replace(
        dataset,
        unusable=tuple(unusable),
        layout_notes=(*notes, *dataset.layout_notes),
        problem="" if len(dataset) else _no_images(shards, unusable, labelled=labelled),
    )


def _no_images(shards: ShardFiles, unusable: Sequence[UnusableFile], *, labelled: bool) -> str:
    first = f"; the first: {unusable[0].path}: {unusable[0].reason}" if unusable else ""
    place = f"in {plural(len(shards.files), 'shard')} of {address_of(shards.root) or shards.root}"
    if not labelled:
        return f"no image {place}{first}"
    return (
        f"no labelled image {place}: each image needs a .cls or a .json with "
        f'"label" of the same key{first}'
    )


def _to_dataset(
    root: Path, entries: Sequence[tuple[ShardEntry, str]], *, labelled: bool
) -> Dataset:
    """The images of all shards in their order."""
    stamped = [(stamp, member) for entry, stamp in entries for member in _members(entry)]
    members = tuple(member for _, member in stamped)
    stamps = tuple(f"{stamp}:{member.stamp()}" for stamp, member in stamped)
    paths = [path for entry, _ in entries for path in entry.paths]
    if not labelled or not members:
        unlabelled: tuple[tuple[str, ...], ...] = ((),) * len(paths)
        return Dataset(root, tuple(paths), unlabelled, archive_members=members, file_stamps=stamps)
    labels = [tuple(names) for entry, _ in entries for names in entry.labels]
    several = any(len(names) > 1 for names in labels)
    rows = [row for row, names in enumerate(labels) if names or several]
    unusable = [UnusableFile(paths[row], NO_LABEL) for row in range(len(paths)) if not labels[row]]
    if not rows:
        return Dataset(root, (), (), unusable=tuple(unusable))
    columns: dict[str, Sequence[Any]] = {
        "path": paths,
        "label": [list(names) for names in labels],
        **_columns(entries),
    }
    selected = {name: [column[row] for row in rows] for name, column in columns.items()}
    parsed = parse_columns(root, selected, str(address_of(root) or root))
    parsed = replace(parsed, file_stamps=tuple(stamps[row] for row in rows))
    dataset = Dataset.from_parsed(root, parsed, tuple(members[row] for row in rows))
    return dataset if several else replace(dataset, unusable=(*dataset.unusable, *unusable))


def _columns(entries: Sequence[tuple[ShardEntry, str]]) -> dict[str, Sequence[Any]]:
    """Split, group and the further columns, where any image has them."""
    splits = list(chain.from_iterable(_splits(entry) for entry, _ in entries))
    groups = [name for entry, _ in entries for name in entry.groups or [None] * entry.nsamples]
    columns: dict[str, Sequence[Any]] = {}
    for name in dict.fromkeys(name for entry, _ in entries for name in entry.columns):
        cells = (entry.columns.get(name) or [""] * entry.nsamples for entry, _ in entries)
        columns[name] = list(chain.from_iterable(cells))
    columns |= {"split": splits} if any(splits) else {}
    columns |= {"group": groups} if any(groups) else {}
    return columns


def _members(entry: ShardEntry) -> Iterator[ShardImage]:
    for place in range(entry.nsamples):
        known = int(entry.hashes[place], 16) if entry.hashes else None
        yield ShardImage("shard", entry.url, entry.offsets[place], entry.sizes[place], known)


def _splits(entry: ShardEntry) -> Sequence[Split | None]:
    """The split of every image: its own, else that which the shard's name says."""
    if any(entry.splits):
        return entry.splits
    return [split_of_shard(entry.url)] * entry.nsamples


def _index_all(root: Path, files: Sequence[ShardFile]) -> list[ShardEntry]:
    """One pass over each shard, several at a time; what was read is cached."""
    indexed = map_ordered(lambda one: _index_cached(root, one[0]), files, 1)
    return [entry for _, entry in indexed]


def _index_cached(root: Path, file: ShardFile) -> ShardEntry:
    place = str(address_of(root) or root.resolve())
    key = json.dumps([TAR_INDEX_FORMAT, place, file.name, file.stamp])
    folder = cache.entry_folder("shards", cache.key_of(key))
    with contextlib.suppress(OSError, ValidationError):
        content = cache.require_file(folder / _ENTRY_FILE).read_bytes()
        entry = ShardEntry.model_validate_json(content)
        if entry.url == file.name and entry.problem() is None:
            cache.touch(folder)
            return entry
    entry = _index(root, file)
    with contextlib.suppress(OSError, Error, ValueError):  # a name may be no text that JSON holds
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / _ENTRY_FILE, entry.model_dump_json())
        cache.write_about(folder, f"index of the shard {file.name or root.name}")
    return entry


def _index(root: Path, file: ShardFile) -> ShardEntry:
    path = root / file.name if file.name else root
    address = address_of(path)
    try:
        if address is not None:
            with open_remote(address, file.size) as opened:
                return index_tar(opened, file.name, file.size)
        with path.open("rb") as local:
            return index_tar(local, file.name, file.size)
    except ImageError as error:
        raise DataError(f"cannot read the shard {address or path}: {error.reason}") from error
    except OSError as error:
        raise DataError(f"cannot read the shard {path}: {error.strerror}") from error
