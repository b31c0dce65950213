"""Opens a folder with one sub-folder a class, optionally under train, val and test."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.layout import Layout, read_layout
from foveal.dataset.folders.layout_advice import archives_note, flat_problem
from foveal.dataset.folders.layout_tree import Folder
from foveal.dataset.folders.mask_folders import masks_note, says_annotation
from foveal.dataset.folders.split_folders import split_of_folder
from foveal.dataset.folders.task_layouts import other_task_problem
from foveal.dataset.listing import (
    MAX_INSPECTED_BYTES,
    FolderListing,
    ListedFile,
    is_ignored,
    is_image_name,
    list_files,
)
from foveal.dataset.types import LayoutNote, UnusableFile
from foveal.errors import ImageError
from foveal.images.file_bytes import read_bytes
from foveal.text import and_more, compose, list_quoted, natural_key, plural

_WORK_SUFFIXES = (
    ".py",
    ".ipynb",
    ".safetensors",
    ".onnx",
    ".tflite",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
)


def open_folder(root: Path) -> Dataset:
    """The images of a folder; see `dataset_from_files` for splits and classes."""
    skipped: list[str] = []
    folders: list[Folder] = []
    files = list(list_files(root, skipped.append, folders.append))
    return dataset_from_files(root, FolderListing(files, skipped, folders, partial(_read, root)))


def _read(root: Path, parts: Folder) -> bytes:
    path = root.joinpath(*parts)
    with contextlib.suppress(OSError, ImageError):
        if path.stat().st_size <= MAX_INSPECTED_BYTES:
            return read_bytes(path)
    return b""


def dataset_from_files(
    root: Path, listing: FolderListing, *, source: Literal["folder", "archive"] = "folder"
) -> Dataset:
    """Files as a Dataset: `read_layout` says what their folders are.

    Sub-folders of a class belong to the class. Files outside the class folders, and files with
    the suffix of something else than an image, are ignored and counted in `notes`. Folders laid
    out for another task have a `problem`, see `other_task_problem`.
    """
    files = listing.files
    images = [file for file in files if file.reason is None and is_image_name(file.parts[-1])]
    folders = [file.parts[:-1] for file in images]
    counts = Counter(folders)
    problem = other_task_problem(root, listing, counts)
    layout = Layout(problem=problem) if problem else read_layout(counts)
    all_places = [layout.places.get(folder) for folder in folders]
    usable = [file for file, place in zip(images, all_places, strict=True) if place is not None]
    places = [place for place in all_places if place is not None]
    unusable = unusable_files(files)
    ignored = len(files) - len(usable) - len(unusable)
    archives = archives_note(files) if usable and ignored else []
    notes = (*_ignored_note(ignored), *archives, *_skipped_note(listing.skipped))
    return Dataset(
        root=root,
        paths=tuple(file.path for file in usable),
        labels=tuple(place.labels for place in places),
        splits=tuple(place.split for place in places),
        file_stamps=tuple(file.stamp for file in usable) if source == "folder" else (),
        unusable=unusable,
        notes=notes,
        layout_notes=(
            *layout.notes,
            *_empty_split_notes(layout, listing.folders, counts),
            *(masks_note(listing) if usable else ()),
        ),
        problem=problem or _problem(root, layout, files),
        empty_classes=empty_classes(layout, listing, counts),
    )


def unusable_files(files: Iterable[ListedFile]) -> tuple[UnusableFile, ...]:
    """Those of the files that cannot be used."""
    return tuple(UnusableFile(file.path, file.reason) for file in files if file.reason is not None)


def empty_classes(
    layout: Layout, listing: FolderListing, images: Mapping[Folder, int]
) -> tuple[str, ...]:
    """The folders where classes are that hold no image, of classes that have none elsewhere.

    images: of each folder, those that lie directly in it.  A folder of annotation files, programs
    or models is none.
    """
    depths = {len(parent) + 1 for parent in layout.class_parents}
    filled = {folder[:depth] for folder in images for depth in depths}
    names: dict[Folder, list[str]] = {
        folder: []
        for folder in listing.folders
        if folder[:-1] in layout.class_parents and folder not in filled
    }
    for file in listing.files if names else ():
        for folder in (file.parts[:depth] for depth in depths):
            if folder in names:
                names[folder].append(file.parts[-1])
    candidates = {
        compose(folder[-1])
        for folder, inside in names.items()
        if not _holds_other_things(folder, inside)
    }
    known = {compose(place.label) for place in layout.places.values()} if candidates else set()
    return tuple(sorted(candidates - known, key=natural_key))


def _empty_split_notes(
    layout: Layout, folders: Sequence[Folder], images: Mapping[Folder, int]
) -> list[LayoutNote]:
    """A warning for folders called as splits, beside the splits, that hold no image."""
    beside = {
        parent[:depth]
        for parent in layout.class_parents
        for depth in range(len(parent))
        if split_of_folder(parent[depth])
    }
    empty = [
        "/".join(folder)
        for folder in folders
        if folder[:-1] in beside
        and split_of_folder(folder[-1])
        and not any(one[: len(folder)] == folder for one in images)
    ]
    listed = list_quoted(empty)
    called, them = ("a split is", "folder") if len(empty) == 1 else ("splits are", "folders")
    text = f"no image in {listed}, called as {called}: add some, or remove the {them}"
    return [LayoutNote(text, is_warning=True)] if empty else []


def _holds_other_things(folder: Folder, names: Sequence[str]) -> bool:
    """Whether a folder without images is one of annotation files, programs or models.

    names: of all files in it.
    """
    is_work = any(name.lower().endswith(_WORK_SUFFIXES) for name in names)
    return is_work or (bool(names) and says_annotation(folder[-1]))


def _problem(root: Path, layout: Layout, files: Sequence[ListedFile]) -> str:
    if layout.problem:
        return f"the layout of {root} is open: {layout.problem}"
    return flat_problem(root, [file.parts for file in files if file.reason is None], layout.is_flat)


def _ignored_note(ignored: int) -> list[str]:
    return [f"{plural(ignored, 'file')} ignored: not an image in a class folder"] if ignored else []


def _skipped_note(skipped: Sequence[str]) -> list[str]:
    """Hidden files and those of the system, counted by the first part of the path that is one."""
    if not skipped:
        return []
    names = Counter(map(_skipped_name, skipped))
    listed = and_more(f"{name} ({n:,})" for name, n in names.most_common())
    what = "file or folder" if len(skipped) == 1 else "files and folders"
    return [f"{len(skipped):,} hidden, system or readme {what} skipped: {listed}"]


def _skipped_name(path: str) -> str:
    name = next(part for part in path.split("/") if is_ignored(part))
    return "._*" if name.startswith("._") else name
