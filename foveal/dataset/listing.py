"""Lists the files below a folder, and decides by name which of them are images.

No file is opened. Symbolic links are followed; those that form loops are listed with the reason.
Prediction lists files too: nothing that loads pydantic is imported here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foveal.errors import DataError
from foveal.text import natural_key

# fmt: off
IGNORED_NAMES = frozenset((
    # Windows
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "zbthumbnail.info",
    "$recycle.bin", "recycler", "recycled", "system volume information", "found.000",
    "picasa.ini", "dfsrprivate", "pspbrwse.jbf",
    # macOS (names that start with a dot are ignored anyway)
    "__macosx", "icon\r", "network trash folder", "temporary items", "thenetworktrash",
    # NAS devices and Linux
    "@eadir", "@recycle", "#recycle", "#snapshot", "@recently-snapshot", "@tmp", "@__thumb",
    "lost+found", "thumbnails",
    # tools
    "__pycache__", "readme", "readme.md", "readme.txt", "license",
))
# fmt: on
"""What systems, NAS devices and tools leave beside images, in lower case."""
ARCHIVE_SUFFIXES = (".zip", ".tar")
"""Of archives that are opened."""
PACKED_SUFFIXES = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
"""Of archives that must be unpacked first."""
MAX_FOLDER_DEPTH = 100
"""Levels of folders that are followed."""
MAX_INSPECTED_BYTES = 32 << 20
"""A larger file is not read to find out what a folder is laid out for."""
MAX_LINKED_LISTINGS = 20
"""How often one real folder is listed through symbolic links."""
# fmt: off
_NON_IMAGE_SUFFIXES = frozenset((
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml",
    ".md", ".html", ".htm", ".log", ".ini", ".url", ".lnk",
    ".py", ".ipynb", ".npy", ".npz", ".mat", ".pkl", ".h5", ".hdf5",
    ".db", ".parquet", ".arrow", ".safetensors", ".onnx", ".tflite", ".pt", ".pth",
    *ARCHIVE_SUFFIXES, *PACKED_SUFFIXES, ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx",
    ".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm",
    ".wmv", ".mp3", ".wav", ".m4a", ".aae", ".xmp", ".identifier",
))
# fmt: on
"""Suffixes of what lies beside images: tables, archives, documents, videos, sidecar files."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file below DATA: the parts of its path, its stamp, or why it cannot be used."""

    parts: tuple[str, ...]
    stamp: str = ""
    reason: str | None = None

    @property
    def path(self) -> str:
        """Relative to DATA, POSIX."""
        return "/".join(self.parts)


@dataclass(frozen=True)
class FolderListing:
    """What lies below a folder, on the disk or in an archive.

    skipped: paths left out as hidden or of the system.  folders: the parts of each folder's path,
    also of those without files.  read: the bytes of a file, empty where they are more than
    MAX_INSPECTED_BYTES or cannot be read.
    """

    files: Sequence[ListedFile]
    skipped: Sequence[str] = ()
    folders: Sequence[tuple[str, ...]] = ()
    read: Callable[[tuple[str, ...]], bytes] = lambda _parts: b""


def format_stamp(status: os.stat_result) -> str:
    """Size, modification and change time of a file: text that changes when the file does."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def stat_stamp(path: Path) -> str:
    """The stamp of a file; empty where it does not exist."""
    try:
        return format_stamp(path.stat())
    except (OSError, ValueError):  # ValueError: no name that a file can have
        return ""


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image: any that has no suffix of another kind.

    Names without a suffix and with unknown ones count, so that an image that cannot be read is
    reported and not left out.
    """
    return _suffix(name) not in _NON_IMAGE_SUFFIXES


def list_files(
    root: Path,
    on_ignored: Callable[[str], None] | None = None,
    on_folder: Callable[[tuple[str, ...]], None] | None = None,
) -> Iterator[ListedFile]:
    """Every file below `root` in natural order, without those of `is_ignored`.

    A symbolic link to a folder is listed as that folder, wherever it stands: one pool in two splits
    is listed twice. Links upwards (loops), links inside linked folders to what a link has led to
    before, and more than MAX_LINKED_LISTINGS links to one folder are listed with the reason.
    on_ignored: called with the path, relative to `root`, of each file or folder that is ignored.
    on_folder: called with the parts of the path of each folder that is listed, `root` left out.
    """
    try:
        yield from _walk(root, (), (_inode(root.stat()),), _Walk(on_ignored, on_folder))
    except OSError as error:
        raise DataError(
            f"cannot read {root}: {error.strerror}; check the permissions of the folder"
        ) from error


_Inode = tuple[int, int]


def _inode(status: os.stat_result) -> _Inode:
    return status.st_dev, status.st_ino


@dataclass
class _Walk:
    """listings: how often links have led to each real folder.  depth: links on the way here."""

    on_ignored: Callable[[str], None] | None
    on_folder: Callable[[tuple[str, ...]], None] | None
    listings: Counter[_Inode] = field(default_factory=Counter)
    depth: int = 0

    def refusal(self, inode: _Inode) -> str | None:
        """Why a further link to a folder is not followed."""
        if self.listings[inode] and self.depth:
            return "a symbolic link in a linked folder, to a folder that is listed already"
        if self.listings[inode] >= MAX_LINKED_LISTINGS:
            return f"more than {MAX_LINKED_LISTINGS} symbolic links to one folder"
        return None


def _walk(
    folder: Path | str,
    parts: tuple[str, ...],
    parents: tuple[_Inode, ...],
    walk: _Walk,
) -> Iterator[ListedFile]:
    """parents: the folders above."""
    with os.scandir(folder) as scanned:
        entries = sorted(scanned, key=lambda entry: natural_key(entry.name))
    for entry in entries:
        if is_ignored(entry.name):
            if walk.on_ignored is not None:
                walk.on_ignored("/".join((*parts, entry.name)))
            continue
        path = (*parts, entry.name)
        try:
            status = entry.stat()
        except OSError as error:
            yield ListedFile(path, reason=f"cannot be opened: {_stat_reason(entry, error)}")
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _walk_folder(entry, path, _inode(status), parents, walk)
        elif stat.S_ISREG(status.st_mode):
            yield ListedFile(path, format_stamp(status))
        else:
            yield ListedFile(path, reason="not a regular file")


def _walk_folder(
    entry: os.DirEntry[str],
    path: tuple[str, ...],
    inode: _Inode,
    parents: tuple[_Inode, ...],
    walk: _Walk,
) -> Iterator[ListedFile]:
    is_link = entry.is_symlink()
    if inode in parents:
        yield ListedFile(path, reason="a symbolic link to a folder above it")
        return
    refusal = walk.refusal(inode) if is_link else None
    if refusal is not None or len(path) > MAX_FOLDER_DEPTH:
        reason = refusal or f"a folder more than {MAX_FOLDER_DEPTH} levels deep"
        yield ListedFile(path, reason=reason)
        return
    if walk.on_folder is not None:
        walk.on_folder(path)
    walk.listings[inode] += is_link
    walk.depth += is_link
    try:
        yield from _walk(entry.path, path, (*parents, inode), walk)
    except OSError as error:
        yield ListedFile(path, reason=f"a folder that cannot be opened: {error.strerror}")
    finally:
        walk.depth -= is_link


def _stat_reason(entry: os.DirEntry[str], error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "symbolic links that lead to each other"
    return "a symbolic link that leads nowhere" if entry.is_symlink() else error.strerror or "?"


def is_ignored(name: str) -> bool:
    """Whether a file is hidden or one that operating systems, NAS devices or tools leave behind."""
    return name.startswith((".", "~$")) or name.lower() in IGNORED_NAMES


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path a name is slow
