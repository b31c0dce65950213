"""A folder with one sub-folder a class, with or without train/val/test above, to a Listing.

Knows nothing of pixels; opens no file, follows each real folder once, so loops end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foveal.dataset.dataset import Dataset, Split, UnusableFile
from foveal.errors import DataError
from foveal.text import natural_key

SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
IGNORED_NAMES = {
    "thumbs.db",
    "desktop.ini",
    "__macosx",
    "readme.md",
    "readme.txt",
    "readme",
    "license",
}
MAX_FOLDER_DEPTH = 100
"""Folders inside one another that are followed."""
_NON_IMAGE_SUFFIXES = {
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm",
    ".py", ".ipynb", ".npy", ".npz", ".mat", ".pkl", ".zip", ".tar", ".gz", ".pdf", ".mp4",
    ".avi", ".mov", ".db", ".log", ".parquet", ".safetensors", ".onnx",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file below DATA: its parts, its stamp, or the reason why it cannot be taken."""

    parts: tuple[str, ...]
    stamp: str = ""
    reason: str | None = None


def open_folder(root: Path) -> Dataset:
    """The images of a folder; see `arranged` for how folders become splits and classes."""
    return dataset_from_files(root, list_files(root))


def list_files(root: Path) -> Iterator[ListedFile]:
    """Every file below `root` in natural order, hidden ones left out.

    A symbolic link to a folder is followed once for each real folder, and never back up.
    """
    try:
        yield from _walk(root, (), (_identity(root.stat()),), set())
    except OSError as error:
        raise DataError(
            f"cannot read {root}: {error.strerror}; check the permissions of the folder"
        ) from error


_Identity = tuple[int, int]


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


def _walk(
    folder: Path | str, parts: tuple[str, ...], above: tuple[_Identity, ...], seen: set[_Identity]
) -> Iterator[ListedFile]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: natural_key(entry.name))
    for entry in found:
        if is_ignored(entry.name):
            continue
        here = (*parts, entry.name)
        try:
            status = entry.stat()
        except OSError as error:
            reason = "a symbolic link that leads nowhere" if entry.is_symlink() else error.strerror
            yield ListedFile(here, reason=f"cannot be opened: {reason}")
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _enter(entry, here, _identity(status), above, seen)
        elif stat.S_ISREG(status.st_mode):
            yield ListedFile(here, f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}")
        else:
            yield ListedFile(here, reason="not a regular file")


def _enter(
    entry: os.DirEntry[str],
    here: tuple[str, ...],
    identity: _Identity,
    above: tuple[_Identity, ...],
    seen: set[_Identity],
) -> Iterator[ListedFile]:
    if identity in above:
        return  # a symbolic link back up: everything in it is listed already
    if entry.is_symlink():
        if identity in seen:
            return
        seen.add(identity)
    if len(here) > MAX_FOLDER_DEPTH:
        yield ListedFile(here, reason=f"a folder more than {MAX_FOLDER_DEPTH} levels deep")
        return
    try:
        yield from _walk(entry.path, here, (*above, identity), seen)
    except OSError as error:
        yield ListedFile(here, reason=f"a folder that cannot be opened: {error.strerror}")


def is_ignored(name: str) -> bool:
    """Hidden files and what systems leave behind."""
    return name.startswith(".") or name.lower() in IGNORED_NAMES


def dataset_from_files(root: Path, found: Iterable[ListedFile], *, what: str = "folder") -> Dataset:
    """Files to a Listing: the first level names splits or classes.

    Sub-folders inside a class belong to the class. Files beside the class folders, and files
    whose suffix is of something else than an image, are counted in `notes`.
    """
    files = list(found)
    depth = (
        1 if _are_splits({item.parts[0].lower() for item in files if len(item.parts) > 1}) else 0
    )
    rows: list[ListedFile] = []
    unusable: list[UnusableFile] = []
    beside = 0
    for item in files:
        known = not depth or item.parts[0].lower() in SPLIT_NAMES
        if item.reason is not None:
            unusable.append(UnusableFile("/".join(item.parts), item.reason))
        elif (
            len(item.parts) < depth + 2
            or not known
            or _suffix(item.parts[-1]) in _NON_IMAGE_SUFFIXES
        ):
            beside += 1
        else:
            rows.append(item)
    note = f"{beside} file{'s' if beside > 1 else ''} that {'are' if beside > 1 else 'is'} no "
    return Dataset(
        root=root,
        paths=tuple("/".join(item.parts) for item in rows),
        labels=tuple((item.parts[depth],) for item in rows),
        splits=tuple(SPLIT_NAMES[item.parts[0].lower()] if depth else None for item in rows),
        file_stamps=tuple(item.stamp for item in rows) if what == "folder" else (),
        unusable=tuple(unusable),
        notes=(f"{note}image of a class left aside",) if beside else (),
    )


def _are_splits(top: set[str]) -> bool:
    """Whether folders are splits: all named so, or two of them beside others (left aside)."""
    named = {SPLIT_NAMES[name] for name in top if name in SPLIT_NAMES}
    return bool(named) and (all(name in SPLIT_NAMES for name in top) or len(named) > 1)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - 60,000 names, no Path objects
