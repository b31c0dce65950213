"""Expands files, folders, archives, globs and images in memory to single images, lazily."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.dataset.listing import (
    ARCHIVE_SUFFIXES,
    PACKED_SUFFIXES,
    is_image_name,
    list_files,
)
from foveal.dataset.shards.patterns import has_alternatives, is_shard_name
from foveal.errors import DataError, MissingExtra, UsageError
from foveal.images.limits import MAX_FILE_BYTES
from foveal.remote import address_of, is_remote, list_addresses, read_address
from foveal.text import is_address

if TYPE_CHECKING:
    from foveal.dataset.archives.archive_member import ArchiveMember
    from foveal.dataset.dataset import Dataset

OnSkip = Callable[[str, str], None]
"""Called with the path of each file of a folder or archive that is skipped, and the reason."""
NOT_AN_IMAGE = "not an image by its name"
IGNORED = "hidden or of the system"


@dataclass(frozen=True)
class ArchivedImage:
    """An image file inside a .zip or .tar."""

    archive: Path
    member: ArchiveMember

    def read(self) -> bytes:
        """The bytes of the image file; ImageError where they cannot be read."""
        return self.member.read(self.archive)


@dataclass(frozen=True)
class DatasetImage:
    """One row of a data set."""

    dataset: Dataset
    row: int

    def read(self) -> bytes:
        """The bytes of the image file; ImageError where they cannot be read."""
        return self.dataset.read(self.row)


@dataclass(frozen=True)
class RemoteImage:
    """An image file at an address."""

    address: str

    def read(self) -> bytes:
        """The bytes of the image file; ImageError where they cannot be read."""
        return read_address(self.address, MAX_FILE_BYTES)


@dataclass(frozen=True)
class ImageInput:
    """One image to read: its path as passed, and its value or the error.

    value: a Path, an ArchivedImage, a DatasetImage, a RemoteImage, bytes, an array or a PIL image.
    """

    path: str | None
    value: Any = None
    error: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether its value is a file on this machine or the bytes of one."""
        return isinstance(self.value, Path | bytes | ArchivedImage | DatasetImage)


def iter_inputs(images: Any, on_skip: OnSkip | None = None) -> Iterator[ImageInput]:
    """Yield every image of `images`, in order.

    images: a path (file, folder, archive or glob), bytes of an image file, a PIL image, an array
    (H, W), (H, W, C) or (N, H, W, C) of uint8, or any iterable of these.
    """
    if isinstance(images, str | os.PathLike):
        yield from _iter_path(os.fspath(images), on_skip or _skip_silently)
    elif isinstance(images, bytes | bytearray | memoryview):
        yield ImageInput(None, bytes(images))
    elif _is_single_image(images):
        yield ImageInput(None, images)
    elif isinstance(images, Iterable) and not hasattr(images, "numpy"):  # a tensor of torch has it
        for item in images:
            yield from iter_inputs(item, on_skip)
    else:
        kind = type(images).__name__
        yield ImageInput(
            None, error=f"{kind} is not an image: give a path, bytes, PIL image or array"
        )


def _skip_silently(path: str, reason: str) -> None:
    """The default of `on_skip`."""


def _iter_path(path: str | bytes, on_skip: OnSkip) -> Iterator[ImageInput]:
    text = os.fsdecode(path)
    if "\0" in text:
        yield ImageInput(text, error="the path contains a null character")
    elif is_remote(text) and not os.path.lexists(text):
        yield from _or_error(text, _iter_address(text, on_skip), "no image is at this address")
    elif is_address(text) and not os.path.lexists(text):
        yield ImageInput(text, error="an address that Foveal cannot read: download it first")
    elif has_alternatives(text) and not os.path.lexists(text):
        yield from _or_error(text, _iter_shards(text), "no file matches the pattern")
    elif os.path.isdir(text):  # noqa: PTH112
        yield from _or_error(text, _iter_folder(text, on_skip), "the folder contains no images")
    elif glob.has_magic(text) and not os.path.lexists(text):
        yield from _or_error(text, _iter_glob(text, on_skip), "no file matches the pattern")
    else:
        yield from _iter_file(text, on_skip)


def _iter_file(path: str, on_skip: OnSkip) -> Iterator[ImageInput]:
    """A file that is named by itself."""
    if not is_image_name(path) and os.path.isfile(path):  # noqa: PTH113
        yield from _iter_other_file(path, on_skip)
    else:
        yield ImageInput(path, Path(path))


def _iter_address(address: str, on_skip: OnSkip) -> Iterator[ImageInput]:
    """One image where its name has a suffix, else what lies below the address or matches it.

    Shards where it names these, or where they lie there.
    """
    if is_shard_name(address) or address.lower().endswith("/index.json"):
        yield from _iter_shards(address)
        return
    if os.path.splitext(address)[1] and not glob.has_magic(address):  # noqa: PTH122
        yield ImageInput(address, RemoteImage(address))
        return
    try:
        names = list_addresses(address)
        if any(map(is_shard_name, names)):
            yield from _iter_shards(address)
            return
        for name in names:
            if name == address or is_image_name(name):
                yield ImageInput(name, RemoteImage(name))
            else:
                on_skip(name, NOT_AN_IMAGE)
    except (DataError, MissingExtra) as error:
        yield ImageInput(address, error=str(error))


def _iter_shards(data: str) -> Iterator[ImageInput]:
    """The images in shards, each under the path that check and train give it."""
    from foveal.dataset.open import open_shard_images  # imports pydantic

    try:
        dataset = open_shard_images(data)
    except (DataError, UsageError, MissingExtra) as error:
        yield ImageInput(data, error=str(error))
        return
    if dataset is None:
        return
    root = address_of(dataset.root) or str(dataset.root)
    for row, path in enumerate(dataset.paths):
        yield ImageInput(f"{root}/{path}", DatasetImage(dataset, row))
    for file in dataset.unusable:
        yield ImageInput(f"{root}/{file.path}", error=file.reason)


def _is_single_image(value: Any) -> bool:
    """Whether it is one image in memory: an array or a PIL image (without importing PIL)."""
    return value.ndim < 4 if isinstance(value, np.ndarray) else hasattr(value, "getbands")


def _or_error(path: str, images: Iterator[ImageInput], error: str) -> Iterator[ImageInput]:
    """Yield `images`, or one input with `error` where there are none."""
    item = None
    for item in images:
        yield item
    if item is None:
        yield ImageInput(path, error=error)


def _iter_glob(pattern: str, on_skip: OnSkip) -> Iterator[ImageInput]:
    for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
        if not os.path.isdir(path):  # noqa: PTH112
            yield from _iter_file(path, on_skip)
        elif "**" not in pattern:
            yield from _iter_folder(path, on_skip)


def _iter_folder(folder: str, on_skip: OnSkip) -> Iterator[ImageInput]:
    """The files that check and train take for images, in their order; those unusable with why.

    Of a folder with shards and without images the images in these.
    """
    shards: list[str] = []
    found = False

    def on_ignored(path: str) -> None:
        on_skip(os.path.join(folder, path), IGNORED)  # noqa: PTH118

    try:
        for file in list_files(Path(folder), on_ignored):
            path = os.path.join(folder, *file.parts)  # noqa: PTH118
            if file.reason is not None:
                yield ImageInput(path, error=file.reason)
            elif is_image_name(file.parts[-1]):
                found = True
                yield ImageInput(path, Path(path))
            elif is_shard_name(path):
                shards.append(path)
            else:
                on_skip(path, NOT_AN_IMAGE)
    except DataError as error:
        yield ImageInput(folder, error=str(error))
    if shards and not found:
        yield from _iter_shards(folder)
    else:
        for path in shards:
            on_skip(path, NOT_AN_IMAGE)


def _iter_other_file(path: str, on_skip: OnSkip) -> Iterator[ImageInput]:
    """A file whose suffix is not an image's: the images of an archive, or an error with advice.

    Where it is neither archive nor table, it is read as an image all the same.
    """
    from foveal.dataset.tables.table import TABLE_SUFFIXES  # imports pydantic

    name = path.lower()
    if name.endswith(ARCHIVE_SUFFIXES):
        yield from _or_error(path, _iter_archive(path, on_skip), "the archive contains no images")
    elif name.endswith(PACKED_SUFFIXES):
        yield ImageInput(path, error="a compressed archive: unpack it to a folder or a .tar first")
    elif name.endswith(TABLE_SUFFIXES):
        advice = "give the folder of its images, or their paths, one a line, on standard input (-)"
        yield ImageInput(path, error=f"a table, not an image: {advice}")
    else:
        yield ImageInput(path, Path(path))


def _iter_archive(path: str, on_skip: OnSkip) -> Iterator[ImageInput]:
    """The images of a .zip or .tar, wherever they lie in it."""
    from foveal.dataset.archives.archive_listing import list_archive
    from foveal.dataset.shards.files import find_shard_files

    archive = Path(path)
    if archive.suffix.lower() == ".tar" and find_shard_files(archive) is not None:
        yield from _iter_shards(path)
        return
    try:
        listing = list_archive(archive, lambda name: on_skip(f"{path}/{name}", IGNORED))
    except DataError as error:
        yield ImageInput(path, error=str(error))
        return
    for name, member in listing.members.items():
        if is_image_name(name):
            yield ImageInput(f"{path}/{name}", ArchivedImage(archive, member))
        else:
            on_skip(f"{path}/{name}", NOT_AN_IMAGE)
    for file in listing.unusable:
        yield ImageInput(f"{path}/{file.path}", error=file.reason)
