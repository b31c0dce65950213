"""Lists the files below a folder, and decides by name which of them are images.

No file is opened, and each real folder is followed once, so links that form loops end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from foveal.errors import DataError
from foveal.text import natural_key

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
    (
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
        ".log",
        ".ini",
        ".url",
        ".lnk",
        ".py",
        ".ipynb",
        ".npy",
        ".npz",
        ".mat",
        ".pkl",
        ".h5",
        ".hdf5",
        ".db",
        ".parquet",
        ".arrow",
        ".safetensors",
        ".onnx",
        ".pt",
        ".pth",
        ".zip",
        ".tar",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".zst",
        ".7z",
        ".rar",
        ".pdf",
        ".doc",
        ".docx",
        ".xls",
        ".xlsx",
        ".ppt",
        ".pptx",
        ".mp4",
        ".m4v",
        ".avi",
        ".mov",
        ".mkv",
        ".webm",
        ".wmv",
        ".mp3",
        ".wav",
        ".m4a",
        ".aae",
        ".xmp",
        ".identifier",
    )
)

"""Suffixes of what lies beside images: tables, archives, documents, videos, sidecar files."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file below DATA: the parts of its path, its stamp, or why it cannot be used."""

    parts: tuple[str, ...]
    stamp: str = ""
    reason: str | None = None


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image: any that has no suffix of another kind.

    Names without a suffix and with unknown ones count, so that an image that cannot be read is
    reported and not left out.
    """
    return _suffix(name) not in _NON_IMAGE_SUFFIXES


def list_files(root: Path, on_ignored: Callable[[str], None] | None = None) -> Iterator[ListedFile]:
    """Every file below `root` in natural order, without those of `is_ignored`.

    A symbolic link to a folder is followed once for each real folder, and never upwards.
    on_ignored: called with the path, relative to `root`, of each file or folder that is ignored.
    """
    try:
        yield from _walk(root, (), (_inode(root.stat()),), set(), on_ignored)
    except OSError as error:
        raise DataError(
            f"cannot read {root}: {error.strerror}; check the permissions of the folder"
        ) from error


_Inode = tuple[int, int]


def _inode(status: os.stat_result) -> _Inode:
    return status.st_dev, status.st_ino


def _walk(
    folder: Path | str,
    parts: tuple[str, ...],
    parents: tuple[_Inode, ...],
    linked: set[_Inode],
    on_ignored: Callable[[str], None] | None,
) -> Iterator[ListedFile]:
    """parents: the folders above; linked: folders that a link has led to already."""
    with os.scandir(folder) as scanned:
        entries = sorted(scanned, key=lambda entry: natural_key(entry.name))
    for entry in entries:
        if is_ignored(entry.name):
            if on_ignored is not None:
                on_ignored("/".join((*parts, entry.name)))
            continue
        path = (*parts, entry.name)
        try:
            status = entry.stat()
        except OSError as error:
            reason = "a symbolic link that leads nowhere" if entry.is_symlink() else error.strerror
            yield ListedFile(path, reason=f"cannot be opened: {reason}")
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _walk_folder(entry, path, _inode(status), parents, linked, on_ignored)
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
    on_ignored: Callable[[str], None] | None,
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
        yield from _walk(entry.path, path, (*parents, inode), linked, on_ignored)
    except OSError as error:
        yield ListedFile(path, reason=f"a folder that cannot be opened: {error.strerror}")


def is_ignored(name: str) -> bool:
    """Whether a file is hidden or one that operating systems leave behind."""
    return name.startswith(".") or name.lower() in IGNORED_NAMES


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path a name is slow
