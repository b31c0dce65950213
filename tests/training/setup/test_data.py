"""DATA opened for training: its splits and the classes to learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.types import LayoutNote
from foveal.errors import DataError
from foveal.spec.preprocess import Input
from foveal.training.setup.data import (
    RequestedData,
    divide_data,
    select_classes,
    with_input_warnings,
)


def _dataset(*rows, task="single"):
    paths = tuple(f"{number}.png" for number in range(len(rows)))
    return Dataset(Path("data"), paths, tuple(labels for labels, _ in rows), task=task), tuple(
        split for _, split in rows
    )


def test_classes_are_those_of_train_in_natural_order():
    dataset, splits = _dataset((("10",), "train"), (("9",), "train"), (("9",), "test"))
    classes, warnings = select_classes(dataset, splits)
    assert classes == ("9", "10")
    assert warnings == ("class '10' is not in test, so test scores do not cover them",)


def test_a_class_that_train_lacks_is_refused_or_left_out():
    rows = [(("a",), "train"), (("b",), "train"), (("c",), "val"), (("d",), "test")]
    dataset, splits = _dataset(*rows)
    with pytest.raises(DataError) as caught:
        select_classes(dataset, splits)
    assert str(caught.value) == (
        "classes 'c', 'd' are in val or test but not in train: add images of them to train, or "
        "leave them out with --ignore-unknown-classes"
    )
    classes, warnings = select_classes(dataset, splits, ignore_unknown=True)
    assert classes == ("a", "b")
    assert warnings[0] == "classes 'c', 'd' are not in train and left out"


def test_one_class_is_refused_where_each_image_has_one():
    rows = [(("a",), "train"), (("a",), "val")]
    with pytest.raises(DataError) as caught:
        select_classes(*_dataset(*rows))
    assert str(caught.value) == (
        "only one class, 'a', has images to train on: give at least two sub-folders, one a class"
    )
    assert select_classes(*_dataset(*rows, task="multi")) == (("a",), ())


def test_a_class_whose_name_is_no_text_is_refused():
    with pytest.raises(DataError) as caught:
        select_classes(*_dataset((("a",), "train"), (("b\udcff",), "train")))
    assert str(caught.value) == (
        "the class b\\udcff has a name that is not text (UTF-8), which no model file can hold; "
        "rename its folder"
    )


def test_colour_that_a_network_of_one_channel_does_not_see_is_told(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(4):
            colour = (number * 40, 90, 90) if number < 3 else (90, 90, 90)
            Image.new("RGB", (8, 8), colour).save(tmp_path / name / f"{number}.png")
    dataset = open_dataset(tmp_path)
    data = RequestedData(dataset, ("train",) * 8, ("a", "b"), ("before",))
    grey, colour = (Input(height=32, width=32, channels=channels) for channels in (1, 3))
    assert with_input_warnings(data, colour) is data
    assert with_input_warnings(data, grey).warnings == (
        "before",
        "6 of 8 sampled images have colour, but the network has one channel and reads them as "
        "grey; where colour tells the classes apart, take a network of three channels",
    )
    for path in tmp_path.glob("*/*.png"):
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(path)
    assert with_input_warnings(data, grey) is data


def test_what_check_calls_information_is_a_message_and_no_warning(messages):
    rows = [((label,), split) for split in ("train", "val", "test") for label in "ab"]
    dataset, splits = _dataset(*rows)
    notes = (LayoutNote("read as splits"), LayoutNote("left out: x", is_warning=True))
    dataset = replace(dataset, splits=splits, layout_notes=notes, notes=("1 file ignored",))
    divided = divide_data(dataset, ignore_unknown=False, allow_bad=False, progress=messages)
    assert messages.texts == ["data: read as splits", "data: 1 file ignored"]
    assert divided.warnings == ("left out: x",)


def test_classes_without_any_image_are_told():
    dataset, splits = _dataset((("a",), "train"), (("b",), "train"))
    dataset = replace(dataset, classes=("a", "b", "c"), empty_classes=("d",))
    assert select_classes(dataset, splits) == (
        ("a", "b"),
        ("classes 'c', 'd' are without any image and not learned",),
    )
