"""Findings about single images, from their measures."""

import numpy as np
import pytest

from foveal.dataset.scan import image_stats
from foveal.doctor.outliers import outlier_findings
from foveal.images.decode import IMAGE_FORMATS

NORMAL = {
    image_stats.FORMAT_INDEX: IMAGE_FORMATS.index("PNG"),
    image_stats.BRIGHTNESS: 120,
    image_stats.CONTRAST: 40,
    image_stats.LEVEL_P1: 10,
    image_stats.LEVEL_P99: 240,
    image_stats.SHARPNESS: 1.0,
}


@pytest.fixture
def find(make_dataset, make_scan):
    def run(change, size=None, count=20):
        scan = make_scan(count, (100, 80))
        for index, value in NORMAL.items():
            scan.measures[:, index] = value
        for index, value in change.items():
            scan.measures[0, index] = value
        if size is not None:
            scan.sizes[0] = size
        dataset = make_dataset("a" * count)
        return {one.kind: (one.severity, one.files) for one in outlier_findings(dataset, scan)}

    return run


@pytest.mark.parametrize(
    ("kind", "severity", "change", "size"),
    [
        ("wrong_suffix", "warning", {image_stats.FORMAT_INDEX: IMAGE_FORMATS.index("JPEG")}, None),
        (
            "blank",
            "warning",
            {image_stats.CONTRAST: 1, image_stats.LEVEL_P1: 9, image_stats.LEVEL_P99: 12},
            None,
        ),
        ("first_frame", "warning", {image_stats.HAS_MORE_FRAMES: 1}, None),
        ("dark", "info", {image_stats.BRIGHTNESS: 20, image_stats.LEVEL_P99: 70}, None),
        ("bright", "info", {image_stats.BRIGHTNESS: 240, image_stats.LEVEL_P1: 190}, None),
        ("blurry", "info", {image_stats.SHARPNESS: 0.05}, None),
        ("unusual_size", "info", {}, (300, 240)),
        ("grey_among_coloured", "info", {image_stats.IS_GREY: 1}, None),
    ],
)
def test_one_image_stands_out(find, kind, severity, change, size):
    assert find(change, size) == {kind: (severity, ("0.png",))}


def test_a_long_image(find):
    assert find({}, (400, 20)) == {"unusual_shape": ("info", ("0.png",))}


def test_nothing_stands_out(find):
    assert find({}) == {}
    assert find({image_stats.SHARPNESS: np.inf}) == {}
    assert find({}, count=0) == {}


def test_a_coloured_image_among_grey(make_dataset, make_scan):
    scan = make_scan(20)
    for index, value in {**NORMAL, image_stats.IS_GREY: 1}.items():
        scan.measures[:, index] = value
    scan.measures[3, image_stats.IS_GREY] = 0
    (finding,) = outlier_findings(make_dataset("a" * 20), scan)
    assert (finding.kind, finding.files) == ("coloured_among_grey", ("3.png",))
