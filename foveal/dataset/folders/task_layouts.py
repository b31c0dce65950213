"""Recognises folders laid out for detection or segmentation: COCO, Pascal VOC, YOLO, Cityscapes.

A folder name alone proves nothing: there must be annotation files that belong to the images, or
masks of them (see `mask_folders`), and, but for masks, no folder that could be a class.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from foveal.dataset.folders.layout_tree import Folder, common_parts
from foveal.dataset.folders.mask_folders import ANNOTATION_WORDS, find_masks, without_words
from foveal.dataset.folders.split_folders import class_words, is_neutral, split_of_folder, words_of
from foveal.dataset.listing import FolderListing, is_image_name
from foveal.text import plural

MIN_ANNOTATED_SHARE = 0.25
"""Images that have an annotation file, of those of a layout with one an image."""
MAX_OPENED_FILES = 3
"""Annotation files of one suffix that are read."""
_STRUCTURE_WORDS = ANNOTATION_WORDS | {
    "obj",
    "unlabeled",
    "unlabelled",
    "vocdevkit",
    "voc",
    "coco",
    "yolo",
    "kitti",
}
_CITYSCAPES = "leftImg8bit"
_COCO_NAME = re.compile(
    r"(instances|captions|person_keypoints|panoptic|stuff|image_info)_.*\.json|.*\.coco\.json"
)
_COCO_KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"licenses"', b'"info"')
_COCO_BYTES = 65_536
"""The beginning of a JSON file, which has the first of these keys."""
_YOLO_LINE = re.compile(rb"\s*\d+(\s+-?\d*\.?\d+([eE]-?\d+)?){4,}\s*")
_KITTI_LINE = re.compile(rb"\s*[A-Za-z]\w*(\s+-?\d+(\.\d+)?){14,15}\s*")


def other_task_problem(root: Path, listing: FolderListing, folders: Mapping[Folder, int]) -> str:
    """One sentence: what a folder is laid out for, and what to give; empty for other folders.

    folders: those that hold images -> how many lie directly in each.
    """
    masks = find_masks(listing, folders)
    if masks is not None:
        what = f"{plural(masks.images, 'image')} and {plural(masks.masks, 'mask')} of them"
        where = f" ({masks.example})"
        problem = _sentence(root, f"segmentation{_named(masks.layout)}", what + where)
        parent = masks.class_parent
        alone = f"; where the folders in '{parent}' are the classes, give that folder alone"
        return problem + (alone if parent else "")
    if _is_cityscapes(listing, folders):
        what = f"{plural(sum(folders.values()), 'image')} of streets in folders of cities"
        return _sentence(root, "segmentation (Cityscapes)", what)
    if not folders or not _has_no_class_folder(folders):
        return ""
    others = [file.parts for file in listing.files if not is_image_name(file.parts[-1])]
    if not others:
        return ""
    images = [file.parts for file in listing.files if is_image_name(file.parts[-1])]
    found = _coco(listing, others) or _annotated(listing, images, others)
    if not found:
        return ""
    layout, evidence = found
    what = f"{plural(len(images), 'image')} and {evidence}, but no class folders"
    return _sentence(root, f"object detection{_named(layout)}", what)


def _named(layout: str) -> str:
    return f" ({layout})" if layout else ""


def _sentence(root: Path, task: str, evidence: str) -> str:
    return (
        f"the layout of {root} is that of {task}: {evidence}; Foveal learns one label an image: "
        "give one sub-folder a class, each with its images and nothing else, or a table with the "
        "columns path and label"
    )


def _is_cityscapes(listing: FolderListing, folders: Mapping[Folder, int]) -> bool:
    """Whether all images are called as Cityscapes calls them, which have no masks beside them."""
    if not folders or not all(_CITYSCAPES in folder for folder in folders):
        return False
    names = (file.parts[-1] for file in listing.files if file.parts[:-1] in folders)
    return all(f"_{_CITYSCAPES}." in name for name in names if is_image_name(name))


def _has_no_class_folder(folders: Collection[Folder]) -> bool:
    """Whether no folder of images, below what is common to all, has a name that may be a class."""
    common = common_parts(folders)
    if len(folders) == 1:
        common = common[:-1]
    names = {part for folder in folders for part in folder[len(common) :]}
    return all(map(_says_no_class, names))


def _says_no_class(name: str) -> bool:
    """Whether a name is that of a split, of images or of annotations: not `cat`, `7`, `class_7`."""
    return _STRUCTURE_WORDS.issuperset(class_words(name)) and (
        split_of_folder(name) is not None
        or is_neutral(name)
        or not _STRUCTURE_WORDS.isdisjoint(words_of(name))
    )


def _coco(listing: FolderListing, others: Sequence[Folder]) -> tuple[str, str] | None:
    """COCO: JSON files for many images each."""
    json_files = [parts for parts in others if parts[-1].lower().endswith(".json")]
    found = [parts for parts in json_files if _COCO_NAME.fullmatch(parts[-1].lower())] or [
        parts for parts in json_files[:MAX_OPENED_FILES] if _is_coco(listing, parts)
    ]
    if not found:
        return None
    files = plural(len(found), "annotation file")
    return "COCO", f"{files} ({'/'.join(found[0])})"


def _is_coco(listing: FolderListing, parts: Folder) -> bool:
    start = listing.read(parts)[:_COCO_BYTES]
    return sum(key in start for key in _COCO_KEYS) > 1


def _annotated(
    listing: FolderListing, images: Sequence[Folder], others: Sequence[Folder]
) -> tuple[str, str] | None:
    """YOLO, VOC and the like: one annotation file an image, of the same name."""
    keys = set(map(_key, images))
    for suffix in (".xml", ".txt", ".json"):
        found = [p for p in others if p[-1].lower().endswith(suffix) and _key(p) in keys]
        if not found or len(found) < MIN_ANNOTATED_SHARE * len(images):
            continue
        layout = _format_of(listing, found[:MAX_OPENED_FILES], suffix)
        if layout is not None:
            return layout, f"{plural(len(found), 'annotation file')} ({'/'.join(found[0])})"
    return None


def _key(parts: Folder) -> Folder:
    """The path without suffix and without the words images and labels."""
    stem = os.path.splitext(parts[-1])[0]  # noqa: PTH122 - a Path a name is slow
    return (*filter(None, map(without_words, parts[:-1])), stem)


def _format_of(listing: FolderListing, files: Sequence[Folder], suffix: str) -> str | None:
    """The format of annotation files, as the first that is not empty says."""
    content = next(filter(None, map(listing.read, files)), b"").strip()
    first = content.splitlines()[0] if content else b""
    if suffix == ".xml":
        return "Pascal VOC" if b"<annotation" in content else None
    if suffix == ".json":
        return "LabelMe" if b'"shapes"' in content else None
    if _YOLO_LINE.fullmatch(first):
        return "YOLO"
    return "KITTI" if _KITTI_LINE.fullmatch(first) else None
