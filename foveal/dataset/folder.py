"""Opens a folder with one sub-folder a class, optionally under train, val and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from foveal.dataset.dataset import Dataset
from foveal.dataset.layout import Layout, read_layout
from foveal.dataset.layout_advice import flat_problem
from foveal.dataset.listing import ListedFile, is_ignored, is_image_name, list_files
from foveal.dataset.types import UnusableFile
from foveal.text import and_more, plural

MAX_LISTED_NAMES = 5


def open_folder(root: Path) -> Dataset:
    """The images of a folder; see `dataset_from_files` for splits and classes."""
    skipped: list[str] = []
    files = list(list_files(root, skipped.append))
    return dataset_from_files(root, files, skipped)


def dataset_from_files(
    root: Path,
    files: Iterable[ListedFile],
    skipped: Sequence[str] = (),
    *,
    source: Literal["folder", "archive"] = "folder",
) -> Dataset:
    """Files as a Dataset: `read_layout` says what their folders are.

    Sub-folders of a class belong to the class. Files outside the class folders, and files with
    the suffix of something else than an image, are ignored and counted in `notes`.
    skipped: paths that were left out as hidden or of the system, also counted.
    """
    files = list(files)
    images = [file for file in files if file.reason is None and is_image_name(file.parts[-1])]
    folders = [file.parts[:-1] for file in images]
    layout = read_layout(Counter(folders))
    all_places = [layout.places.get(folder) for folder in folders]
    usable = [file for file, place in zip(images, all_places, strict=True) if place is not None]
    places = [place for place in all_places if place is not None]
    unusable = [
        UnusableFile("/".join(file.parts), file.reason) for file in files if file.reason is not None
    ]
    ignored = len(files) - len(usable) - len(unusable)
    return Dataset(
        root=root,
        paths=tuple("/".join(file.parts) for file in usable),
        labels=tuple(place.labels for place in places),
        splits=tuple(place.split for place in places),
        file_stamps=tuple(file.stamp for file in usable) if source == "folder" else (),
        unusable=tuple(unusable),
        notes=(*_ignored_note(ignored), *_skipped_note(skipped)),
        layout_notes=layout.notes,
        problem=_problem(root, layout, files),
    )


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
    listed = and_more((f"{name} ({n:,})" for name, n in names.most_common()), MAX_LISTED_NAMES)
    file, files = ("file or folder", "files and folders")
    kinds = "hidden, system or readme"
    return [f"{plural(len(skipped), f'{kinds} {file}', f'{kinds} {files}')} skipped: {listed}"]


def _skipped_name(path: str) -> str:
    name = next(part for part in path.split("/") if is_ignored(part))
    return "._*" if name.startswith("._") else name
