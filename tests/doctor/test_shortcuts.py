"""Attributes that predict the label."""

import numpy as np
import pytest

from foveal.dataset.scan import image_stats
from foveal.doctor.shortcuts import MIN_IMAGES, find_shortcuts

LABELS = np.arange(200) % 2


def test_no_shortcut_where_nothing_differs(make_scan):
    assert find_shortcuts(make_scan(200), LABELS, 2) == []


@pytest.mark.parametrize(
    ("index", "attribute"),
    [
        (image_stats.BRIGHTNESS, "the brightness"),
        (image_stats.FORMAT_INDEX, "the file (format, bytes a pixel)"),
    ],
)
def test_a_measure_that_is_the_label(make_scan, index, attribute):
    scan = make_scan(200)
    scan.measures[:, index] = LABELS
    (shortcut,) = find_shortcuts(scan, LABELS, 2)
    assert (shortcut.attribute, shortcut.accuracy, shortcut.chance) == (attribute, 1.0, 0.5)


def test_the_size_and_the_shape(make_scan):
    scan = make_scan(200)
    scan.sizes[:, 0] += LABELS.astype(np.int32)
    attributes = [shortcut.attribute for shortcut in find_shortcuts(scan, LABELS, 2)]
    assert attributes[:2] == ["the size of the image", "the shape (width by height)"]


def test_few_images_or_one_class_have_none(make_scan):
    few = MIN_IMAGES - 1
    scan = make_scan(few)
    scan.measures[:, image_stats.BRIGHTNESS] = LABELS[:few]
    assert find_shortcuts(scan, LABELS[:few], 2) == []
    assert find_shortcuts(make_scan(200), np.zeros(200, np.int64), 1) == []


def test_a_class_in_one_half_only_hides_no_shortcut_of_the_others(make_scan):
    scan, labels = make_scan(201), np.append(LABELS, 2)
    scan.measures[:, image_stats.BRIGHTNESS] = labels % 2
    (shortcut,) = find_shortcuts(scan, labels, 3)
    assert (shortcut.attribute, shortcut.accuracy, shortcut.chance) == ("the brightness", 1.0, 0.5)


def test_few_images_of_classes_in_both_halves_have_none(make_scan):
    scan = make_scan(200)
    labels = np.concatenate([LABELS[:30], np.arange(2, 172)])
    scan.measures[:, image_stats.BRIGHTNESS] = labels % 2
    assert find_shortcuts(scan, labels, 172) == []


def test_a_class_in_one_half_only_has_no_accuracy(make_scan):
    scan = make_scan(200)
    labels = np.zeros(200, np.int64)
    labels[0] = 1
    scan.measures[:, image_stats.BRIGHTNESS] = labels
    assert find_shortcuts(scan, labels, 2) == []
