"""From what a person names - files, folders, globs, values - to single images, one at a time.

Knows nothing of how an image is read; folders are walked as they are asked for.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
)
"""Names a folder is searched for; a file that is named itself is tried whatever its name."""


@dataclass(frozen=True)
class ImageInput:
    """One image to score: its path as shown, what to read, or why it cannot be."""

    path: str | None
    value: Any = None
    error: str | None = None


def iter_inputs(given: Any) -> Iterator[ImageInput]:
    """Every image of `given`, in order.

    given: a path (file, folder or glob), bytes of an image file, a PIL image, an array
    (H, W), (H, W, C) or (N, H, W, C) of uint8, or any iterable of these.
    """
    if isinstance(given, str | os.PathLike):
        yield from _named(os.fspath(given))
    elif isinstance(given, bytes | bytearray | memoryview):
        yield ImageInput(None, bytes(given))
    elif _is_value(given):
        yield ImageInput(None, given)
    elif isinstance(given, Iterable):
        for item in given:
            yield from iter_inputs(item)
    else:
        kind = type(given).__name__
        yield ImageInput(
            None, error=f"a {kind} is no image: give a path, bytes, PIL image or array"
        )


def _named(name: str | bytes) -> Iterator[ImageInput]:
    text = os.fsdecode(name)
    if "\0" in text:
        yield ImageInput(text, error="the path holds a null character")
        return
    folder, there = os.path.isdir(text), os.path.lexists(text)  # noqa: PTH112
    if folder:
        yield from _listed(text, _walk(text), "the folder holds no images")
    elif not there and glob.has_magic(text):
        yield from _listed(text, _matching(text), "nothing matches the pattern")
    else:
        yield ImageInput(text, Path(text))


def _is_value(given: Any) -> bool:
    """Whether it is one image in memory: an array, or a PIL image (told without PIL)."""
    return given.ndim < 4 if isinstance(given, np.ndarray) else hasattr(given, "getbands")


def _listed(name: str, found: Iterator[ImageInput], nothing: str) -> Iterator[ImageInput]:
    source = None
    for source in found:
        yield source
    if source is None:
        yield ImageInput(name, error=nothing)


def _matching(pattern: str) -> Iterator[ImageInput]:
    for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
        if not os.path.isdir(path):  # noqa: PTH112
            yield ImageInput(path, Path(path))
        elif "**" not in pattern:
            yield from _walk(path)


def _walk(folder: str) -> Iterator[ImageInput]:
    """Images below `folder`, by name; not hidden ones, links to folders or special files."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
                and (entry.is_dir(follow_symlinks=False) or _is_image(entry))
            )
    except OSError as error:
        yield ImageInput(folder, error=f"the folder cannot be read: {error.strerror}")
        return
    for name, inner in found:
        path = os.path.join(folder, name)  # noqa: PTH118
        if inner:
            yield from _walk(path)
        else:
            yield ImageInput(path, Path(path))


def _is_image(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:  # noqa: PTH122
        return False
    # A link is followed by the path: the entry itself would raise for one that leads to itself.
    return entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path)  # noqa: PTH113
