"""`foveal pack`: the images of DATA as shards, for data beyond one disk."""

from __future__ import annotations

import os
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.shards.pack import DEFAULT_SHARD_BYTES, MIN_SHARD_BYTES, pack_shards
from foveal.dataset.shards.pack import PackedShards as PackedShards
from foveal.errors import UsageError
from foveal.files import refuse_used_folder
from foveal.progress import Progress, silent
from foveal.remote import address_of
from foveal.upload import refuse_used_address


def pack(
    data: str | Path | Dataset,
    out: str | Path,
    *,
    root: str | Path | None = None,
    shard_bytes: int = DEFAULT_SHARD_BYTES,
    progress: Progress = silent,
) -> PackedShards:
    """Write the images of DATA that can be read as .tar shards with index.json into a new folder.

    data, root: as `check` takes them.  out: the folder, or an address of a store, to which each
    shard goes when it is whole, the index last.  shard_bytes: after which the next shard begins.
    Splits, groups, labels of all kinds and further columns are kept; the result names what was left
    out.  Raises DataError where DATA cannot be opened, UsageError where `out` is used, Error where
    it cannot be written.
    """
    if shard_bytes < MIN_SHARD_BYTES:
        raise UsageError(
            f"--shard-size is {shard_bytes:,} bytes; give at least {MIN_SHARD_BYTES >> 10} KiB, "
            "such as 128M"
        )
    address = address_of(out)
    if address is None:
        refuse_used_folder(Path(out))
    else:
        refuse_used_address(address)
    if not isinstance(data, Dataset) and _lies_in(out, data):
        raise UsageError(
            f"--out is {address or out}, inside {data}, whose images it would add to; give "
            f"{'a folder' if address is None else 'an address'} elsewhere"
        )
    dataset = open_dataset(data, root=root)
    return pack_shards(dataset, Path(out), shard_bytes=shard_bytes, progress=progress)


def _lies_in(path: str | Path, folder: str | Path) -> bool:
    """Whether it is the folder or inside it; realpath ends where links lead in a circle."""
    if (address_of(path) is None) != (address_of(folder) is None):
        return False
    if address_of(path) is not None:
        return Path(path).is_relative_to(folder)
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
