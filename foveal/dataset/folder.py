"""Opens a folder with one sub-folder a class, optionally under train, val and test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from foveal.dataset.dataset import Dataset
from foveal.dataset.listing import ListedFile, is_image_name, list_files
from foveal.dataset.types import SPLIT_NAMES, UnusableFile
from foveal.text import plural


def open_folder(root: Path) -> Dataset:
    """The images of a folder; see `dataset_from_files` for splits and classes."""
    return dataset_from_files(root, list_files(root))


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
        and is_image_name(parts[-1])
    )


def _are_splits(folders: set[str]) -> bool:
    """Whether folders are splits: all are named so, or two of them and others, then ignored."""
    splits = {SPLIT_NAMES[name] for name in folders if name in SPLIT_NAMES}
    return bool(splits) and (all(name in SPLIT_NAMES for name in folders) or len(splits) > 1)
