"""Writes the images of any data set as .tar shards in the layout of WebDataset, with an index.

Every image is decoded once, so that what cannot be read is named and not packed. The images of a
split are shuffled once, so that each shard, and each run of shards, is a sample of all of them.
The same images give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.scan.image_stats import content_hash
from foveal.dataset.shards.destination import open_destination
from foveal.dataset.shards.index import INDEX_FILE, ShardEntry, ShardIndex, format_index
from foveal.dataset.shards.webdataset import IMAGE_EXTENSIONS
from foveal.dataset.types import SPLITS, Split
from foveal.dataset.workers.pool import map_ordered
from foveal.errors import ImageError
from foveal.images.decode import decode_array, open_image
from foveal.progress import Progress, silent
from foveal.text import escape_surrogates

DEFAULT_SHARD_BYTES = 128 * 2**20
"""Of a shard, after which the next begins: some hundred requests to a store for a gigabyte."""
MIN_SHARD_BYTES = 2**16
CHUNK_IMAGES = 8
"""Read and decoded in one thread; at most two chunks a thread are in memory."""
_SHUFFLE_SEED = 0


@dataclass(frozen=True)
class PackedShards:
    """What was written: images and bytes of `shards` files in `folder`, and what was left out.

    folder: or the address that it is, see `address_of`.
    """

    folder: Path
    images: int
    shards: int
    size_bytes: int
    unusable: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _ReadImage:
    """The bytes of an image, or why it cannot be read."""

    row: int
    content: bytes = b""
    extension: str = ""
    reason: str | None = None


class _HashedFile(io.RawIOBase):
    """A file that is written from its beginning to its end, with the SHA-256 of it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.file, self.digest, self.size = file, hashlib.sha256(), 0

    def tell(self) -> int:
        return self.size

    def write(self, content: Any) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self.file.write(content)


@dataclass
class _Shard:
    """The shard that is being written, and where its images lie.

    first: images of its split in the shards before it, so that no key comes twice.
    """

    name: str
    first: int
    file: _HashedFile
    archive: tarfile.TarFile
    rows: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)


def pack_shards(
    dataset: Dataset,
    folder: Path,
    *,
    shard_bytes: int = DEFAULT_SHARD_BYTES,
    progress: Progress = silent,
) -> PackedShards:
    """Write the images that can be read into a new folder, a shard of at least `shard_bytes` each.

    folder: may be an address.  Raises UsageError where it is used, Error where it cannot be
    written; nothing is left.
    """
    entries: list[ShardEntry] = []
    unusable = [(escape_surrogates(file.path), file.reason) for file in dataset.unusable]
    with open_destination(folder) as (temporary, keep):
        done = 0
        for split in (None, *SPLITS):
            for shard, image in _numbered(dataset, temporary, split, shard_bytes, entries, keep):
                done += 1
                progress("packing", done, len(dataset), shard)
                if image.reason is not None:
                    unusable.append((escape_surrogates(dataset.paths[image.row]), image.reason))
        count = sum(entry.nsamples for entry in entries)
        index = ShardIndex(
            images=count,
            classes=list(map(escape_surrogates, dataset.classes)),
            shardlist=entries,
            unusable=unusable,
        )
        (temporary / INDEX_FILE).write_text(format_index(index), "utf-8", "backslashreplace")
        keep(INDEX_FILE)
    size = sum(entry.filesize for entry in entries)
    return PackedShards(folder, count, len(entries), size, tuple(unusable))


def _numbered(
    dataset: Dataset,
    folder: Path,
    split: Split | None,
    shard_bytes: int,
    entries: list[ShardEntry],
    keep: Callable[[str], None],
) -> Iterator[tuple[str, _ReadImage]]:
    """Write the shards of a split; the shard and image after each image.  Adds to `entries`.

    keep: called with the name of each shard that is whole.
    """
    rows = np.array([row for row, one in enumerate(dataset.splits) if one == split], np.int64)
    images = _read_images(dataset, np.random.default_rng(_SHUFFLE_SEED).permutation(rows).tolist())
    sidecars = _SidecarFiles(dataset)
    image, packed = next(images, None), 0
    for number in range(len(rows)):
        if image is None:
            return
        name = f"{split or 'shard'}-{number:06d}.tar"
        with (folder / name).open("wb") as file:
            shard = _open_shard(name, packed, file)
            while image is not None and shard.file.size < shard_bytes:
                if image.reason is None:
                    _add(shard, sidecars, image)
                yield name, image
                image = next(images, None)
            shard.archive.close()
        packed += len(shard.rows)
        if shard.rows:
            entries.append(_to_entry(dataset, shard))
            keep(name)
        else:
            (folder / name).unlink()


def _open_shard(name: str, first: int, file: BinaryIO) -> _Shard:
    hashed = _HashedFile(file)
    return _Shard(name, first, hashed, tarfile.TarFile(mode="w", fileobj=hashed))


def _read_images(dataset: Dataset, rows: Sequence[int]) -> Iterator[_ReadImage]:
    """The images in this order, read and decoded in threads ahead."""
    for _, images in map_ordered(
        lambda chunk: [_read(dataset, row) for row in chunk], rows, CHUNK_IMAGES
    ):
        yield from images


def _read(dataset: Dataset, row: int) -> _ReadImage:
    try:
        content = dataset.read(row)
        decode_array(content, channels=3)
        return _ReadImage(row, content, _extension(dataset.paths[row], content))
    except ImageError as error:
        return _ReadImage(row, reason=error.reason)


def _extension(path: str, content: bytes) -> str:
    """That of the name, else that of the format: loaders of shards decode by it."""
    extension = path.rpartition(".")[2].lower()
    if extension in IMAGE_EXTENSIONS:
        return extension
    return (open_image(content).format or "img").lower().replace("jpeg", "jpg")


class _SidecarFiles:
    """What the .json and .cls beside an image say; every .json has the same keys."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.numbers = {name: number for number, name in enumerate(dataset.classes)}
        self.has_splits, self.has_groups = any(dataset.splits), any(dataset.groups)

    def files(self, row: int) -> dict[str, bytes]:
        """The content of each file by its extension."""
        dataset = self.dataset
        labels = dataset.labels[row]
        about: dict[str, Any] = {"path": escape_surrogates(dataset.paths[row])}
        names = [escape_surrogates(name) for name in labels]
        about |= {"labels": names} if dataset.task == "multi" else {"label": "".join(names[:1])}
        about |= {"split": dataset.splits[row] or ""} if self.has_splits else {}
        about |= {"group": escape_surrogates(dataset.groups[row] or "")} if self.has_groups else {}
        columns = _columns(dataset, [row])
        about |= {"columns": {name: cells[0] for name, cells in columns.items()}} if columns else {}
        files = {"json": json.dumps(about).encode("ascii")}
        if dataset.task == "single" and labels:
            files["cls"] = str(self.numbers[labels[0]]).encode("ascii")
        return files


def _add(shard: _Shard, sidecars: _SidecarFiles, image: _ReadImage) -> None:
    """Write an image and what belongs to it under the next key."""
    key = f"{shard.name.partition('-')[0]}-{shard.first + len(shard.rows):08d}"
    shard.rows.append(image.row)
    shard.offsets.append(shard.file.size + tarfile.BLOCKSIZE)
    shard.sizes.append(len(image.content))
    shard.hashes.append(f"{content_hash(image.content):016x}")
    for extension, content in (
        (image.extension, image.content),
        *sidecars.files(image.row).items(),
    ):
        info = tarfile.TarInfo(f"{key}.{extension}")
        info.size = len(content)
        shard.archive.addfile(info, io.BytesIO(content))


def _to_entry(dataset: Dataset, shard: _Shard) -> ShardEntry:
    rows = shard.rows
    splits = [dataset.splits[row] for row in rows]
    groups = [escape_surrogates(group) if (group := dataset.groups[row]) else None for row in rows]
    return ShardEntry(
        url=shard.name,
        nsamples=len(rows),
        filesize=shard.file.size,
        sha256=shard.file.digest.hexdigest(),
        paths=[escape_surrogates(dataset.paths[row]) for row in rows],
        labels=[list(map(escape_surrogates, dataset.labels[row])) for row in rows],
        offsets=shard.offsets,
        sizes=shard.sizes,
        hashes=shard.hashes,
        splits=splits if any(splits) else [],
        groups=groups if any(groups) else [],
        columns=_columns(dataset, rows),
    )


def _columns(dataset: Dataset, rows: Sequence[int]) -> dict[str, list[str]]:
    """The further columns of these rows."""
    return {
        escape_surrogates(name): [escape_surrogates(column[row]) for row in rows]
        for name, column in dataset.extra_columns.items()
    }
