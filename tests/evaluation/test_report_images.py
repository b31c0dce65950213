"""Order, columns and thumbnails of the report's images."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from foveal.evaluation.predictions import Predictions
from foveal.evaluation.report_images import ReportImages, image_table, thumbnails


def test_wrong_predictions_come_first_then_the_classes_in_turn() -> None:
    predicted = np.array([0, 0, 1, 1, 0])
    predictions = Predictions(
        np.where(np.eye(2)[predicted] > 0, 0.9, 0.1), np.array([0, 0, 1, 1, 1]), ("a", "b")
    )
    pixels = np.random.default_rng(0).integers(0, 256, (9, 6, 4, 1), dtype=np.uint8)
    images = ReportImages(pixels, np.arange(4, 9), list("vwxyz"))
    table = image_table(predictions, images, 10**6)
    assert table["path"] == ["z", "v", "x", "w", "y"]
    assert table["true"] == [1, 0, 1, 0, 1]
    assert table["predicted"] == [0, 0, 1, 0, 1]
    assert table["probability"] == [0.9] * 5
    assert table["true_probability"] == [0.1, 0.9, 0.9, 0.9, 0.9]
    assert (table["n_images"], table["n_thumbnails"]) == (5, 5)
    assert (table["height"], table["width"]) == (6, 4)
    assert table["thumbnail"] == thumbnails(pixels, [8, 4, 6, 5, 7], 10**6)


def test_several_labels_are_lists_of_indices(multi_label) -> None:
    predictions = multi_label(n=20)
    images = ReportImages(np.zeros((20, 4, 4, 3), np.uint8), np.arange(20), [""] * 20)
    table = image_table(predictions, images, 0)
    assert table["n_thumbnails"] == 0
    n_wrong = int((~predictions.correct).sum())
    assert all(
        true != predicted
        for true, predicted in zip(table["true"][:n_wrong], table["predicted"], strict=False)
    )
    assert table["true"][n_wrong:] == table["predicted"][n_wrong:]


def test_thumbnails_are_jpegs_of_limited_size_until_the_bytes_are_used() -> None:
    pixels = np.zeros((3, 200, 100, 3), np.uint8)
    first, *_ = uris = thumbnails(pixels, [0, 1, 2], 10**6)
    assert len(set(uris)) == 1
    head, content = first.split(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (48, 96)
    assert thumbnails(pixels, [0, 1, 2], 2 * len(first) + 6) == [first, first, ""]
