"""Opens a folder with one sub-folder a class, optionally under train, val and test.

No file is opened, and each real folder is followed once, so links that form loops end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foveal.dataset.dataset import Dataset
from foveal.dataset.types import SPLIT_NAMES, UnusableFile
from foveal.errors import DataError
from foveal.text import natural_key, plural

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
"""Levels of folders that are followed."""
_NON_IMAGE_SUFFIXES = frozenset(
    [
        ".txt",
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".xml",
        ".yaml",
        ".yml",
        ".md",
        ".html",
        ".htm",
        ".py",
        ".ipynb",
        ".npy",
        ".npz",
        ".mat",
        ".pkl",
        ".zip",
        ".tar",
        ".gz",
        ".pdf",
        ".mp4",
        ".avi",
        ".mov",
        ".db",
        ".log",
        ".parquet",
        ".safetensors",
        ".onnx",
    ]
)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file below DATA: the parts of its path, its stamp, or why it cannot be used."""

    parts: tuple[str, ...]
    stamp: str = ""
    reason: str | None = None


def open_folder(root: Path) -> Dataset:
    """The images of a folder; see `dataset_from_files` for splits and classes."""
    return dataset_from_files(root, list_files(root))


def list_files(root: Path) -> Iterator[ListedFile]:
    """Every file below `root` in natural order, hidden ones left out.

    A symbolic link to a folder is followed once for each real folder, and never upwards.
    """
    try:
        yield from _walk(root, (), (_inode(root.stat()),), set())
    except OSError as error:
        raise DataError(
            f"cannot read {root}: {error.strerror}; check the permissions of the folder"
        ) from error


_Inode = tuple[int, int]


def _inode(status: os.stat_result) -> _Inode:
    return status.st_dev, status.st_ino


def _walk(
    folder: Path | str, parts: tuple[str, ...], parents: tuple[_Inode, ...], linked: set[_Inode]
) -> Iterator[ListedFile]:
    """parents: the folders above; linked: folders that a link has led to already."""
    with os.scandir(folder) as scanned:
        entries = sorted(scanned, key=lambda entry: natural_key(entry.name))
    for entry in entries:
        if is_ignored(entry.name):
            continue
        path = (*parts, entry.name)
        try:
            status = entry.stat()
        except OSError as error:
            reason = "a symbolic link that leads nowhere" if entry.is_symlink() else error.strerror
            yield ListedFile(path, reason=f"cannot be opened: {reason}")
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _walk_folder(entry, path, _inode(status), parents, linked)
        elif stat.S_ISREG(status.st_mode):
            yield ListedFile(path, f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}")
        else:
            yield ListedFile(path, reason="not a regular file")


def _walk_folder(
    entry: os.DirEntry[str],
    path: tuple[str, ...],
    inode: _Inode,
    parents: tuple[_Inode, ...],
    linked: set[_Inode],
) -> Iterator[ListedFile]:
    if inode in parents:
        return  # a symbolic link upwards: everything in it is listed already
    if entry.is_symlink():
        if inode in linked:
            return
        linked.add(inode)
    if len(path) > MAX_FOLDER_DEPTH:
        yield ListedFile(path, reason=f"a folder more than {MAX_FOLDER_DEPTH} levels deep")
        return
    try:
        yield from _walk(entry.path, path, (*parents, inode), linked)
    except OSError as error:
        yield ListedFile(path, reason=f"a folder that cannot be opened: {error.strerror}")


def is_ignored(name: str) -> bool:
    """Whether a file is hidden or one that operating systems leave behind."""
    return name.startswith(".") or name.lower() in IGNORED_NAMES


def dataset_from_files(
    root: Path, files: Iterable[ListedFile], *, source: Literal["folder", "archive"] = "folder"
) -> Dataset:
    """Files as a Dataset: the first level names splits or classes.

    Sub-folders of a class belong to the class. Files outside the class folders, and files with
    the suffix of something else than an image, are ignored and counted in `notes`.
    """
    files = list(files)
    class_level = int(_are_splits({file.parts[0].lower() for file in files if file.parts[1:]}))
    images: list[ListedFile] = []
    unusable: list[UnusableFile] = []
    ignored = 0
    for file in files:
        if file.reason is not None:
            unusable.append(UnusableFile("/".join(file.parts), file.reason))
        elif _is_class_image(file.parts, class_level):
            images.append(file)
        else:
            ignored += 1
    return Dataset(
        root=root,
        paths=tuple("/".join(file.parts) for file in images),
        labels=tuple((file.parts[class_level],) for file in images),
        splits=tuple(
            SPLIT_NAMES[file.parts[0].lower()] if class_level else None for file in images
        ),
        file_stamps=tuple(file.stamp for file in images) if source == "folder" else (),
        unusable=tuple(unusable),
        notes=(f"{plural(ignored, 'file')} ignored: not an image in a class folder",)
        if ignored
        else (),
    )


def _is_class_image(parts: tuple[str, ...], class_level: int) -> bool:
    return (
        len(parts) >= class_level + 2
        and (not class_level or parts[0].lower() in SPLIT_NAMES)
        and _suffix(parts[-1]) not in _NON_IMAGE_SUFFIXES
    )


def _are_splits(folders: set[str]) -> bool:
    """Whether folders are splits: all are named so, or two of them and others, then ignored."""
    splits = {SPLIT_NAMES[name] for name in folders if name in SPLIT_NAMES}
    return bool(splits) and (all(name in SPLIT_NAMES for name in folders) or len(splits) > 1)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path a name is slow
