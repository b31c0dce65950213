"""Expands files, folders, globs and images in memory to single images, lazily."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
)
"""Files a folder is searched for; a file named by itself is read whatever its suffix."""


@dataclass(frozen=True)
class ImageInput:
    """One image to read: its path as passed, its Path, bytes, array or PIL image, or the error."""

    path: str | None
    value: Any = None
    error: str | None = None


def iter_inputs(images: Any) -> Iterator[ImageInput]:
    """Yield every image of `images`, in order.

    images: a path (file, folder or glob), bytes of an image file, a PIL image, an array
    (H, W), (H, W, C) or (N, H, W, C) of uint8, or any iterable of these.
    """
    if isinstance(images, str | os.PathLike):
        yield from _iter_path(os.fspath(images))
    elif isinstance(images, bytes | bytearray | memoryview):
        yield ImageInput(None, bytes(images))
    elif _is_single_image(images):
        yield ImageInput(None, images)
    elif isinstance(images, Iterable):
        for item in images:
            yield from iter_inputs(item)
    else:
        kind = type(images).__name__
        yield ImageInput(
            None, error=f"{kind} is not an image: give a path, bytes, PIL image or array"
        )


def _iter_path(path: str | bytes) -> Iterator[ImageInput]:
    text = os.fsdecode(path)
    if "\0" in text:
        yield ImageInput(text, error="the path contains a null character")
        return
    if os.path.isdir(text):  # noqa: PTH112
        yield from _or_error(text, _iter_folder(text), "the folder contains no images")
    elif glob.has_magic(text) and not os.path.lexists(text):
        yield from _or_error(text, _iter_glob(text), "no file matches the pattern")
    else:
        yield ImageInput(text, Path(text))


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


def _iter_glob(pattern: str) -> Iterator[ImageInput]:
    for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
        if not os.path.isdir(path):  # noqa: PTH112
            yield ImageInput(path, Path(path))
        elif "**" not in pattern:
            yield from _iter_folder(path)


def _iter_folder(folder: str) -> Iterator[ImageInput]:
    """Images below `folder`, by name; no hidden files, links to folders or special files."""
    try:
        with os.scandir(folder) as entries:
            children = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
                and (entry.is_dir(follow_symlinks=False) or _is_image_file(entry))
            )
    except OSError as error:
        yield ImageInput(folder, error=f"the folder cannot be read: {error.strerror}")
        return
    for name, is_folder in children:
        path = os.path.join(folder, name)  # noqa: PTH118
        if is_folder:
            yield from _iter_folder(path)
        else:
            yield ImageInput(path, Path(path))


def _is_image_file(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() not in IMAGE_SUFFIXES:  # noqa: PTH122
        return False
    # A link is followed by path: DirEntry.is_file raises for one that points to itself.
    return entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path)  # noqa: PTH113
