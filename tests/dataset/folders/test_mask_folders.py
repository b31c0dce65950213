"""Folders of masks are found by names, files of the same names, and what masks look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.folders.mask_folders import says_annotation, without_words
from foveal.dataset.open import open_dataset
from foveal.errors import DataError

ALONE = "; where the folders in 'images' are the classes, give that folder alone"
SIZE = (10, 12)
"""Of the images that `images` writes: width and height."""


def write_masks(root: Path, names: str, mode: str = "L", size: tuple[int, int] = SIZE) -> None:
    for seed, name in enumerate(names.split()):
        values = np.random.default_rng(seed).integers(0, 3, (size[1], size[0])).astype(np.uint8)
        image = Image.fromarray(values * 100)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.convert(mode).save(root / name)


@pytest.mark.parametrize(
    ("images_at", "masks_at", "mode", "layout"),
    [
        ("images/1.jpg images/2.jpg", "masks/1.png masks/2.png", "L", ""),
        ("images/1.jpg images/2.jpg", "masks/1_mask.png masks/2-Mask.png", "P", ""),
        ("train/1.jpg train/2.jpg", "train_masks/1_mask.gif train_masks/2_mask.gif", "L", ""),
        ("train/1.png val/2.png", "trainannot/1.png valannot/2.png", "L", ""),
        (
            "img_dir/train/1.jpg img_dir/val/2.jpg",
            "ann_dir/train/1.png ann_dir/val/2.png",
            "RGB",
            "",
        ),
        ("images/training/1.jpg images/x/2.jpg", "annotations/training/1.png", "L", ""),
        ("JPEGImages/1.jpg JPEGImages/2.jpg", "SegmentationClass/1.png", "RGB", " (Pascal VOC)"),
        (
            "leftImg8bit/train/bonn/b_1_leftImg8bit.png leftImg8bit/val/ulm/u_1_leftImg8bit.png",
            "gtFine/train/bonn/b_1_gtFine_color.png gtFine/train/bonn/b_1_gtFine_labelIds.png",
            "L",
            " (Cityscapes)",
        ),
        ("images/cat/1.jpg images/dog/2.jpg", "masks/cat/1.png masks/dog/2.png", "L", ""),
    ],
)
def test_images_and_their_masks_are_no_classes(
    images, images_at: str, masks_at: str, mode: str, layout: str
):
    root = images(images_at)
    write_masks(root, masks_at, mode)
    count = len(masks_at.split())
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"the layout of {root} is that of segmentation{layout}: 2 images and {count} "
        f"mask{'s' if count > 1 else ''} of them ({masks_at.split()[0]}); Foveal learns one label "
        "an image: give one sub-folder a class, each with its images and nothing else, or a table "
        f"with the columns path and label{ALONE if '/cat/' in images_at else ''}"
    )


def classes_of(root: Path) -> tuple[str, ...]:
    return open_dataset(root).classes


def test_photographs_in_a_folder_called_masks_are_a_class(images):
    assert classes_of(images("images/1.jpg masks/1.jpg")) == ("images", "masks")
    assert classes_of(images("face/1.jpg face_mask/1.jpg")) == (
        "face",
        "face_mask",
        "images",
        "masks",
    )


def test_masks_of_no_image_or_of_another_size_are_a_class(images):
    root = images("images/1.jpg images/2.jpg")
    write_masks(root, "masks/8.png masks/9.png")
    assert classes_of(root) == ("images", "masks")
    write_masks(root, "masks/8.png masks/9.png", size=(8, 8))
    for name in ("8", "9"):
        (root / "masks" / f"{name}.png").rename(root / "masks" / f"{int(name) - 7}.png")
    assert classes_of(root) == ("images", "masks")


def test_drawings_of_few_levels_are_a_class(images):
    root = images("")
    write_masks(root, "images/1.png images/2.png masks/1.png masks/2.png")
    assert classes_of(root) == ("images", "masks")


def test_damaged_files_are_no_masks(images):
    root = images("images/1.jpg images/2.jpg masks/1.png masks/2.png")
    for number in (1, 2):
        (root / "masks" / f"{number}.png").write_bytes(b"\x89PNG")
    assert classes_of(root) == ("images", "masks")


def test_masks_of_test_are_not_opened(images):
    root = images("test/images/1.jpg test/images/2.jpg")
    write_masks(root, "test/masks/1.png test/masks/2.png")
    assert open_dataset(root, allow_empty=True).problem == ""


@pytest.mark.parametrize(
    ("name", "rest", "is_annotation"),
    [
        ("images", "", False),
        ("JPEGImages", "", False),
        ("SegmentationClass", "", True),
        ("train_masks", "train", True),
        ("valannot", "val", True),
        ("mask", "", True),
        ("imagemasks", "", True),
        ("damask", "damask", False),
        ("cat", "cat", False),
        ("gtFine", "", True),
        ("no_mask", "no", True),
    ],
)
def test_words_of_folders(name: str, rest: str, is_annotation: bool):
    assert (without_words(name), says_annotation(name)) == (rest, is_annotation)


def notes_of(root: Path) -> list[str]:
    return [note.text for note in open_dataset(root).layout_notes if note.is_warning]


def test_masks_beside_the_images_of_a_class_are_told(images):
    root = images("benign/1.png benign/2.png normal/3.png")
    write_masks(root, "benign/2_mask.png normal/3-Mask_1.png")
    assert notes_of(root) == [
        "2 images called as masks of images beside them, such as 'benign/2_mask.png', and with few "
        "levels as masks have: they are learned as images of the class; move them elsewhere, or "
        "give a table with the columns path and label"
    ]


def test_photographs_called_as_masks_and_masks_of_nothing_are_images(images):
    assert notes_of(images("face/1.png face/1_mask.png other/2.png")) == []
    root = images("a/7.png b/8.png")
    write_masks(root, "a/9_mask.png b/label.png")
    assert notes_of(root) == []
