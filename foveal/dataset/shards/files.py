"""Finds the shards of DATA: a folder, a pattern such as shard-{000..999}.tar, an address."""

from __future__ import annotations

import fnmatch
import glob
import os
import posixpath
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from foveal.dataset.listing import is_image_name, list_files, stat_stamp
from foveal.dataset.shards.index import INDEX_FILE, MAX_INDEX_BYTES, ShardIndex, parse_index
from foveal.dataset.shards.patterns import expand_braces, is_pattern, is_shard_name
from foveal.dataset.shards.tar_index import is_webdataset
from foveal.errors import DataError, ImageError
from foveal.remote import (
    ACCESS_REFUSED,
    NOTHING_THERE,
    RemoteFile,
    address_of,
    is_web,
    list_remote_files,
    read_address,
)
from foveal.text import natural_key

DESCRIBE_THREADS = 16
"""Requests at a time for the sizes of shards at web addresses, which cannot be listed."""


@dataclass(frozen=True)
class ShardFile:
    """name: relative to the root.  stamp: text that changes when the file does."""

    name: str
    size: int
    stamp: str


@dataclass(frozen=True)
class ShardFiles:
    """The shards of DATA below `root`.

    missing: names that a pattern or the index has and that are not there.  index: index.json where
    there is one of ours.
    """

    root: Path
    files: tuple[ShardFile, ...]
    missing: tuple[str, ...] = ()
    index: ShardIndex | None = None


def find_shard_files(data: str | Path) -> ShardFiles | None:
    """The shards that DATA names; None where it is something else.

    Raises DataError where a store does not answer or an index is damaged, UsageError for a pattern
    of too many.
    """
    address = address_of(data)
    if address is not None:
        return _find_remote(address)
    path = Path(data)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        return _find_in_folder(path)
    if os.path.isfile(path):  # noqa: PTH113
        return _find_file(path)
    return _find_local_pattern(str(data)) if is_pattern(str(data)) else None


def _find_in_folder(folder: Path) -> ShardFiles | None:
    """The .tar files of a folder without images and tables."""
    names = []
    for file in list_files(folder):
        name = file.parts[-1].lower()
        if file.reason is None and (is_image_name(name) or name.endswith((".parquet", ".csv"))):
            return None
        if file.reason is None and name.endswith(".tar"):
            names.append(file.path)
    index = _read_local_index(folder)
    if not names and index is None:
        return None
    return _with_index(folder, [_local_file(folder, name) for name in names], (), index)


def _find_file(path: Path) -> ShardFiles | None:
    """The shards of an index; a .tar that the index beside it names, or that holds samples."""
    if path.name == INDEX_FILE:
        return _find_in_folder(path.parent)
    if path.suffix.lower() != ".tar":
        return None
    index = _read_local_index(path.parent)
    if index is not None and any(entry.url == path.name for entry in index.shardlist):
        return ShardFiles(path.parent, (_local_file(path.parent, path.name),), (), index)
    return ShardFiles(path, (_local_file(path, ""),)) if is_webdataset(path) else None


def _find_local_pattern(pattern: str) -> ShardFiles | None:
    base, below = _local_base(pattern)
    folder, names = Path(base), _local_names(base, below)
    if not names or not all(map(is_shard_name, names)):
        return None
    there = [name for name in names if os.path.isfile(folder / name)]  # noqa: PTH113
    if not there:
        raise DataError(f"no file matches {pattern}; check the folder and the numbers")
    files = [_local_file(folder, name) for name in there]
    index = _read_local_index(folder)
    return _with_index(folder, files, sorted(set(names) - set(there)), index, selected=True)


def _local_base(pattern: str) -> tuple[str, str]:
    """The folder of a pattern, whose name may hold brackets, and the pattern below it."""
    folder, name = os.path.split(pattern)
    if os.path.isdir(folder):  # noqa: PTH112
        return folder, name
    folder = _base(pattern)
    return folder, posixpath.relpath(pattern, folder)


def _local_names(folder: str, pattern: str) -> list[str]:
    names: set[str] = set()
    for one in expand_braces(pattern):
        magic = glob.has_magic(one)
        names.update(glob.glob(one, root_dir=folder) if magic else [one])  # noqa: PTH207
    return sorted(names, key=natural_key)


def _base(pattern: str) -> str:
    """The folder in front of the first brace or wildcard."""
    start = min(pattern.find(letter) for letter in "{*?[" if letter in pattern)
    return posixpath.dirname(pattern[:start]) or "."


def _local_file(folder: Path, name: str) -> ShardFile:
    path = folder / name
    return ShardFile(name, path.stat().st_size, stat_stamp(path))


def _read_local_index(folder: Path) -> ShardIndex | None:
    path = folder / INDEX_FILE
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_INDEX_BYTES:
        raise DataError(f"{path} has more than {MAX_INDEX_BYTES:,} bytes; divide the shards")
    try:
        with path.open("rb") as file:
            return parse_index(file.read(), str(path))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check its permissions") from error


def _find_remote(address: str) -> ShardFiles | None:
    name = posixpath.basename(address)
    if name == INDEX_FILE:
        return _from_remote_index(posixpath.dirname(address))
    if is_pattern(address):
        return _find_remote_pattern(address)
    if is_web(address) and not is_shard_name(name):
        return None if "." in name else _from_remote_index(address.rstrip("/"))
    listed = [file for file in list_remote_files(address) if is_shard_name(file.address)]
    folder = address.rstrip("/")
    if [file.address for file in listed] == [folder]:
        folder = posixpath.dirname(folder)
        return ShardFiles(Path(folder), tuple(_relative(listed, folder)))
    index = _read_remote_index(folder)
    if not listed and index is None:
        return None
    return _with_index(Path(folder), list(_relative(listed, folder)), (), index)


def _find_remote_pattern(pattern: str) -> ShardFiles | None:
    folder = _base(pattern)
    names = [one.removeprefix(f"{folder}/") for one in expand_braces(pattern)]
    if not all(map(is_shard_name, names)):
        return None
    if is_web(pattern):
        files = describe_shards(folder, names)
    elif len(names) == 1:
        files = list(_relative(list_remote_files(f"{folder}/{names[0]}"), folder))
    else:
        files = _select(list(_relative(list_remote_files(folder), folder)), names)
    named = {name for name in names if not glob.has_magic(name)}
    missing = sorted(named - {file.name for file in files})
    if not files:
        raise DataError(f"no file matches {pattern}; check the address and the numbers")
    index = _read_remote_index(folder, named=False)
    return _with_index(Path(folder), files, missing, index, selected=True)


def _select(files: Sequence[ShardFile], names: Sequence[str]) -> list[ShardFile]:
    """The files that names mean, in their order, each once; a name may have wildcards."""
    there = {file.name: file for file in files}
    selected: dict[str, ShardFile] = {}
    for name in names:
        has_wildcards = glob.has_magic(name)
        found = [one for one in there if _matches(one, name)] if has_wildcards else [name]
        selected.update((one, there[one]) for one in found if one in there)
    return list(selected.values())


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern without braces means a file; a wildcard stands for no slash."""
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)


def describe_shards(folder: str, names: Sequence[str]) -> list[ShardFile]:
    """Those of the files below an address that are there, each by a request of its own.

    Raises DataError for another failure than a missing file.
    """
    with ThreadPoolExecutor(DESCRIBE_THREADS, thread_name_prefix="foveal-fetch") as pool:
        futures = [pool.submit(list_remote_files, f"{folder}/{name}") for name in names]
    found = []
    for future in futures:
        try:
            found += future.result()
        except DataError as error:
            if NOTHING_THERE not in str(error):
                raise
    return list(_relative(found, folder))


def _from_remote_index(folder: str) -> ShardFiles | None:
    index = _read_remote_index(folder)
    if index is None:
        return None
    files = [ShardFile(one.url, one.filesize, one.sha256) for one in index.shardlist]
    return ShardFiles(Path(folder), tuple(files), (), index)


def _read_remote_index(folder: str, *, named: bool = True) -> ShardIndex | None:
    """The index of a folder, None where it has none.

    named: whether a person named index.json or the folder; beside files that were named, a web
    server that refuses it has none: so answer stores where nothing is that all may read.
    """
    address = f"{folder}/{INDEX_FILE}"
    try:
        content = read_address(address, MAX_INDEX_BYTES)
    except ImageError as error:
        is_refused = error.reason.startswith(ACCESS_REFUSED)
        if error.reason == NOTHING_THERE or (is_refused and is_web(address) and not named):
            return None
        raise DataError(f"cannot read {address}: {error.reason}") from error
    return parse_index(content, address)


def _relative(files: Sequence[RemoteFile], folder: str) -> Iterator[ShardFile]:
    for file in files:
        yield ShardFile(file.address.removeprefix(f"{folder}/"), file.size, file.stamp)


def _with_index(
    root: Path,
    files: Sequence[ShardFile],
    missing: Sequence[str],
    index: ShardIndex | None,
    *,
    selected: bool = False,
) -> ShardFiles:
    """The shards with those that the index names and that are not there.

    selected: a pattern says which shards are meant, else all of the index are.
    """
    there = {file.name for file in files}
    named = [entry.url for entry in index.shardlist] if index is not None else []
    absent = () if selected else [name for name in named if name not in there]
    return ShardFiles(root, tuple(files), (*missing, *absent), index)
