"""Folders laid out for detection and segmentation are named, folders of classes are not."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.cli.main import run
from foveal.dataset.folders.task_layouts import other_task_problem
from foveal.dataset.listing import FolderListing, ListedFile, is_image_name
from foveal.dataset.open import open_dataset
from foveal.errors import DataError

TAIL = (
    "; Foveal learns one label an image: give one sub-folder a class, each with its images and "
    "nothing else, or a table with the columns path and label"
)
COCO = json.dumps({"images": [], "annotations": [], "categories": []})
YOLO = "0 0.5 0.5 0.2 0.2\n1 0.1 0.2 0.3 0.4\n"
KITTI = "Car 0.00 0 1.57 1 2 3 4 1.5 1.6 3.7 1 1 20 1.5\n"
VOC = "<annotation><object><name>dog</name></object></annotation>"


def write(root: Path, names: str, content: str) -> None:
    for name in names.split():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def problems(root: Path) -> set[str]:
    """What is said of a folder, of a .zip and of a .tar of it."""
    texts = set()
    for data in (
        root,
        Path(shutil.make_archive(str(root), "zip", root)),
        Path(shutil.make_archive(str(root), "tar", root)),
    ):
        with pytest.raises(DataError) as error:
            open_dataset(data)
        assert str(error.value).startswith(f"the layout of {data} is that of ")
        texts.add(str(error.value).removeprefix(f"the layout of {data} is that of "))
    return texts


@pytest.mark.parametrize(
    ("images_at", "others_at", "content", "expected"),
    [
        (
            "train2017/1.jpg train2017/2.jpg val2017/3.jpg",
            "annotations/instances_val2017.json",
            "{}",
            "object detection (COCO): 3 images and 1 annotation file "
            "(annotations/instances_val2017.json)",
        ),
        (
            "coco/train/1.jpg coco/unlabeled2017/2.jpg",
            "coco/annotations/mine.json coco/notes.json",
            COCO,
            "object detection (COCO): 2 images and 2 annotation files (coco/annotations/mine.json)",
        ),
        (
            "train/1.jpg valid/2.jpg",
            "train/_annotations.coco.json valid/_annotations.coco.json",
            "{}",
            "object detection (COCO): 2 images and 2 annotation files "
            "(train/_annotations.coco.json)",
        ),
        (
            "JPEGImages/1.jpg JPEGImages/2.jpg",
            "Annotations/1.xml Annotations/2.xml",
            VOC,
            "object detection (Pascal VOC): 2 images and 2 annotation files (Annotations/1.xml)",
        ),
        (
            "train/1.jpg test/2.jpg",
            "train/1.xml test/2.xml",
            VOC,
            "object detection (Pascal VOC): 2 images and 2 annotation files (test/2.xml)",
        ),
        (
            "images/train/1.jpg images/val/2.jpg",
            "labels/train/1.txt labels/val/2.txt",
            YOLO,
            "object detection (YOLO): 2 images and 2 annotation files (labels/train/1.txt)",
        ),
        (
            "train/images/1.jpg valid/images/2.jpg",
            "train/labels/1.txt valid/labels/2.txt",
            YOLO,
            "object detection (YOLO): 2 images and 2 annotation files (train/labels/1.txt)",
        ),
        (
            "obj_train_data/1.jpg",
            "obj_train_data/1.txt",
            YOLO,
            "object detection (YOLO): 1 image and 1 annotation file (obj_train_data/1.txt)",
        ),
        (
            "training/image_2/1.png testing/image_2/2.png",
            "training/label_2/1.txt",
            KITTI,
            "object detection (KITTI): 2 images and 1 annotation file (training/label_2/1.txt)",
        ),
        (
            "1.jpg 2.jpg",
            "1.json 2.json",
            '{"shapes": []}',
            "object detection (LabelMe): 2 images and 2 annotation files (1.json)",
        ),
    ],
)
def test_images_with_boxes_are_named(
    images, images_at: str, others_at: str, content: str, expected: str
):
    root = images(images_at)
    write(root, others_at, content)
    assert problems(root) == {f"{expected}, but no class folders{TAIL}"}


def test_the_cities_of_cityscapes_are_no_classes(images):
    root = images(
        "leftImg8bit/train/bonn/b_1_leftImg8bit.png leftImg8bit/val/ulm/u_leftImg8bit.png"
    )
    write(root, "gtFine/train/bonn/b_1_gtFine_polygons.json", "{}")
    assert problems(root) == {
        f"segmentation (Cityscapes): 2 images of streets in folders of cities{TAIL}"
    }


@pytest.mark.parametrize(
    ("images_at", "others_at", "content", "classes"),
    [
        ("cat/1.jpg dog/1.jpg", "cat/1.txt dog/1.txt annotations/a.json", YOLO, ("cat", "dog")),
        ("cat/1.jpg dog/1.jpg", "annotations/instances_x.json", COCO, ("cat", "dog")),
        ("train/cat/1.jpg train/dog/1.jpg", "annotations/x.json", COCO, ("cat", "dog")),
        ("images/cat/1.jpg images/dog/1.jpg", "labels/cat/1.txt", YOLO, ("cat", "dog")),
        ("cat/1.jpg cat/2.jpg dog/1.jpg", "cat/1.xml cat/2.xml dog/1.xml", VOC, ("cat", "dog")),
        ("JPEGImages/1.jpg Annotations/2.jpg", "x.json", "{}", ("Annotations", "JPEGImages")),
        ("1/1.jpg 2/1.jpg", "1/1.txt 2/1.txt", YOLO, ("1", "2")),
        ("class_1/1.jpg class_2/1.jpg", "class_1/1.xml class_2/1.xml", VOC, ("class_1", "class_2")),
        ("set1/1.jpg set2/1.jpg", "annotations/instances_a.json", COCO, ("set1", "set2")),
        ("images/1.jpg labels/2.jpg", "x.txt", "a text", ("images", "labels")),
        ("photo/1.jpg label/1.jpg", "photo/2.txt", YOLO, ("label", "photo")),
        ("leftImg8bit/1.jpg gtFine/2.jpg", "x.txt", YOLO, ("gtFine", "leftImg8bit")),
    ],
)
def test_folders_of_classes_with_files_beside_the_images_are_classes(
    images, images_at: str, others_at: str, content: str, classes: tuple[str, ...]
):
    root = images(images_at)
    write(root, others_at, content)
    found = open_dataset(root)
    assert (found.classes, found.problem, found.empty_classes) == (classes, "", ())


@pytest.mark.parametrize("content", ["a photo of a cat", "", "1 2\n"])
def test_texts_that_are_no_boxes_are_no_annotations(images, content: str):
    root = images("images/1.jpg")
    write(root, "labels/1.txt", content)
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert str(error.value) == (
        f"no class folders in {root}, so 1 image without a label: make one sub-folder a class, "
        "each with its images, or give a table with the columns path and label"
    )


def test_check_prints_the_sentence_and_train_stops_with_it(images, capsys):
    root = images("JPEGImages/1.jpg")
    write(root, "Annotations/1.xml", VOC)
    sentence = (
        f"the layout of {root} is that of object detection (Pascal VOC): 1 image and 1 annotation "
        f"file (Annotations/1.xml), but no class folders{TAIL}"
    )
    assert run(["check", str(root), "--json"]) == 1
    (finding,) = [
        f for f in json.loads(capsys.readouterr().out)["findings"] if f["kind"] == "layout"
    ]
    assert (finding["severity"], finding["advice"]) == ("error", f"T{sentence[1:]}.")
    assert run(["train", str(root), "--epochs", "1", "--out", str(root.parent / "run")]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"foveal: {sentence}"


FOLDERS = (
    "images labels masks annotations train val2017 JPEGImages SegmentationClass gtFine 7 cat dog "
    "leftImg8bit obj_train_data class_1 no_mask \udcff"
)
FILES = "1.jpg 1.png 1_mask.png 1.txt 1.xml 1.json instances_a.json x.csv"
PARTS = st.sampled_from(FOLDERS.split())
NAMES = st.sampled_from(FILES.split())
PATHS = st.lists(st.tuples(st.lists(PARTS, max_size=3), NAMES), max_size=12)
CONTENTS = st.sampled_from([b"", b"\xff\x00", COCO.encode(), YOLO.encode(), VOC.encode(), b"{}"])


def problem_of(paths: list[tuple[str, ...]], content: bytes) -> str:
    listing = FolderListing([ListedFile(parts) for parts in paths], read=lambda _parts: content)
    folders = Counter(parts[:-1] for parts in paths if is_image_name(parts[-1]))
    return other_task_problem(Path("d"), listing, folders)


@given(PATHS, CONTENTS)
def test_any_tree_is_named_or_left_alone(names: list[tuple[list[str], str]], content: bytes):
    problem = problem_of([(*folders, name) for folders, name in names], content)
    assert problem == "" or (problem.startswith("the layout of d is that of ") and TAIL in problem)


@given(PATHS, CONTENTS)
def test_folders_of_cats_and_dogs_are_classes_whatever_lies_in_them(
    names: list[tuple[list[str], str]], content: bytes
):
    """Only masks of the images make them something else, which no such bytes are."""
    inside = [
        (("cat", "dog")[row % 2], *folders, name) for row, (folders, name) in enumerate(names)
    ]
    known = {"JPEGImages", "leftImg8bit"}
    paths = [parts for parts in inside if known.isdisjoint(parts)]
    assert problem_of([("cat", "0.jpg"), ("dog", "0.jpg"), *paths], content) == ""
