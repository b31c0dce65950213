"""Finds folders of segmentation masks: one mask an image, in a folder beside that of the images."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foveal.dataset.folders.layout_tree import Folder, common_parts
from foveal.dataset.folders.split_folders import split_of_folder, words_of
from foveal.dataset.listing import FolderListing, is_image_name
from foveal.dataset.types import LayoutNote
from foveal.errors import ImageError
from foveal.images.decode import decode_image
from foveal.text import plural

# fmt: off
IMAGE_WORDS = frozenset((
    "image", "images", "img", "imgs", "jpeg", "jpg", "png", "photo", "photos", "picture",
    "pictures", "rgb", "frame", "frames", "left", "leftimg", "bit", "dir", "data",
))
ANNOTATION_WORDS = frozenset((
    "label", "labels", "labelids", "labeltxt", "annotation", "annotations", "annot", "annots",
    "ann", "anns", "anno", "annos", "bbox", "bboxes", "mask", "masks", "gt", "ground",
    "groundtruth", "segmentation", "segmentations", "segmap", "segmaps", "semantic", "instance",
    "instances", "panoptic", "trimap", "trimaps", "matte", "mattes", "stuffthingmaps",
    "pixelmaps",
))
_QUALITIES = frozenset(("truth", "object", "objects", "class", "fine", "coarse", "id", "ids"))
# fmt: on
_MAY_SAY_MASK = re.compile("label|ann|bbox|mask|gt|gr|seg|seman|inst|pano|trimap|matt|stuff|pixelm")
_JOINED = re.compile(r"(?<=[a-z])(annot|annotations?|masks?|labels?)$")
_STEM_END = re.compile(
    r"([\W_]+(masks?|labels?|labelids|gt|seg|segmentation|annotation|groundtruth|matte|l"
    r"|gtfine.*|gtcoarse.*|leftimg8bit))+$"
)
_MASK_WORD = re.compile("mask|seg|gt|label", re.IGNORECASE)
_MASK_END = re.compile(
    r"[\W_]+(masks?|seg|segmentation|gt|labels?)([\W_]*\d+)?\.\w+$", re.IGNORECASE
)
_KNOWN = (
    ("Pascal VOC", "JPEGImages", ("SegmentationClass", "SegmentationObject")),
    ("Cityscapes", "leftImg8bit", ("gtFine", "gtCoarse")),
)
"""Layouts whose names say enough: the folder of the images and those of the masks."""
MIN_MATCHED_SHARE = 0.8
"""Of the files in folders of masks, those that belong to an image."""
MAX_OPENED_PAIRS = 4
MAX_MASK_LEVELS = 32
"""Levels of a channel that a mask uses; a photograph uses more."""
MIN_LEVEL_SHARE = 0.001
"""Of the pixels, those of a level that counts: the edges of a JPEG do not."""


@dataclass(frozen=True)
class Masks:
    """images, masks: how many.  example: a mask.  layout: its name, empty where it has none.

    class_parent: the folder of the images whose folders may be classes, empty where there is none.
    """

    images: int
    masks: int
    example: str
    layout: str = ""
    class_parent: str = ""


def find_masks(listing: FolderListing, folders: Mapping[Folder, int]) -> Masks | None:
    """The masks that folders hold beside the images; None where it is not certain that they do.

    Certain: folders called as those of masks and of images are, else alike, with files of the same
    names, and either names that only one layout has, or files that look like masks.
    """
    of_masks = {folder for folder in folders if any(map(says_annotation, folder))}
    if not of_masks or len(of_masks) == len(folders):
        return None
    images = {
        (_tree(parts), _stem(parts[-1])): parts
        for parts in _images(listing, folders.keys() - of_masks)
    }
    masks = list(_images(listing, of_masks))
    pairs = [(images.get((_tree(parts), _stem(parts[-1]))), parts) for parts in masks]
    matched = [(image, mask) for image, mask in pairs if image is not None]
    if not matched or len(matched) < MIN_MATCHED_SHARE * len(masks):
        return None
    layout = _known_layout(matched[0])
    if not layout and not _look_like_masks(listing, matched):
        return None
    example, parent = "/".join(matched[0][1]), _class_parent(folders.keys() - of_masks)
    return Masks(len(images), len(masks), example, layout, parent)


def _class_parent(folders: Collection[Folder]) -> str:
    """What is common to the folders of the images, where no folder in it is called as a split."""
    common = common_parts(folders)
    inside = {folder[len(common)] for folder in folders if folder != common}
    if len(inside) < 2 or any(map(split_of_folder, inside)):
        return ""
    return "/".join(common)


def masks_note(listing: FolderListing) -> list[LayoutNote]:
    """A warning about masks that lie in the folders of their images, as `1_mask.png` by `1.png`.

    They have names such as that, and the first of them look like masks.
    """
    paths = [file.parts for file in listing.files if file.reason is None]
    ends = {parts: _MASK_END.search(parts[-1]) for parts in paths if _may_be_mask(parts[-1])}
    named = {parts: end for parts, end in ends.items() if end and is_image_name(parts[-1])}
    if not named:
        return []
    around = {parts[:-1] for parts in named}
    stems = {(*p[:-1], _stem(p[-1])): p for p in paths if p[:-1] in around and p not in named}
    pairs = [
        (stems.get((*parts[:-1], parts[-1][: end.start()].lower())), parts)
        for parts, end in named.items()
    ]
    matched = [(image, mask) for image, mask in pairs if image is not None]
    if not _look_like_masks(listing, matched):
        return []
    text = (
        f"{plural(len(matched), 'image')} called as masks of images beside them, such as "
        f"'{'/'.join(matched[0][1])}', and with few levels as masks have: they are learned as "
        "images of the class; move them elsewhere, or give a table with the columns path and label"
    )
    return [LayoutNote(text, is_warning=True)]


def _may_be_mask(name: str) -> bool:
    return _MASK_WORD.search(name) is not None  # most names are not, quickly


def _images(listing: FolderListing, folders: Iterable[Folder]) -> Iterable[Folder]:
    chosen = set(folders)
    paths = (file.parts for file in listing.files if file.reason is None)
    return (parts for parts in paths if parts[:-1] in chosen and is_image_name(parts[-1]))


@lru_cache(maxsize=1024)
def without_words(name: str) -> str:
    """A folder's name without the words for images and annotations: empty for `JPEGImages`."""
    return " ".join(
        word
        for word in _words(name)
        if word not in IMAGE_WORDS and word not in ANNOTATION_WORDS and word not in _QUALITIES
    )


def _words(name: str) -> list[str]:
    """The words of a name, also those that are joined: train and annot of `trainannot`."""
    words = []
    for word in words_of(name):
        joined = _JOINED.search(word)
        head = word[: joined.start()] if joined else ""
        is_known = head in IMAGE_WORDS or split_of_folder(head) is not None
        words += [head, word.removeprefix(head)] if is_known else [word]
    return words


def says_annotation(name: str) -> bool:
    """Whether a word of a folder's name is one for masks, labels or other annotations."""
    if _MAY_SAY_MASK.search(name.lower()) is None:  # most names, quickly
        return False
    return not ANNOTATION_WORDS.isdisjoint(_words(name))


def _tree(parts: Folder) -> Folder:
    """The folders of a file without the words for images and masks, in which a pair agrees."""
    return tuple(filter(None, map(_without_numbers, parts[:-1])))


def _without_numbers(name: str) -> str:
    """As `without_words`, but of `leftImg8bit` nothing remains."""
    rest = without_words(name)
    return "" if rest.isdecimal() and _is_of_images(name) else rest


def _is_of_images(name: str) -> bool:
    return not IMAGE_WORDS.isdisjoint(_words(name))


def _stem(name: str) -> str:
    """A file's name without suffix and without `_mask` and the like."""
    stem = os.path.splitext(name)[0].lower()  # noqa: PTH122 - a Path a name is slow
    return _STEM_END.sub("", stem) or stem


def _known_layout(pair: tuple[Folder, Folder]) -> str:
    image, mask = pair
    for layout, of_images, of_masks in _KNOWN:
        if of_images in image and not set(of_masks).isdisjoint(mask):
            return layout
    return ""


def _look_like_masks(listing: FolderListing, pairs: Sequence[tuple[Folder, Folder]]) -> bool:
    """Whether the first pairs are a photograph and a mask of its size each; test stays closed."""
    seen = [pair for pair in pairs if not any(split_of_folder(p) == "test" for p in pair[1][:-1])]
    results = [_is_mask_of(*map(listing.read, pair)) for pair in seen[:MAX_OPENED_PAIRS]]
    return bool(results) and all(results)


def _is_mask_of(image: bytes, mask: bytes) -> bool:
    try:
        first, second = (np.asarray(decode_image(one, channels=3)) for one in (image, mask))
    except ImageError:
        return False
    levels = _levels(second)
    return first.shape == second.shape and levels <= MAX_MASK_LEVELS and 2 * levels < _levels(first)


def _levels(pixels: np.ndarray) -> int:
    """The number of levels in use of the channel that uses most; pixels: uint8 (H, W, 3)."""
    counts = [np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)]
    least = MIN_LEVEL_SHARE * pixels.shape[0] * pixels.shape[1]
    return max(int((one > least).sum()) for one in counts)
