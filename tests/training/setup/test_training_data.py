"""Train and val decoded: rows, labels and the record of where they are from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.dataset import Dataset
from foveal.errors import DataError
from foveal.progress import Progress, silent
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.training.setup.data import RequestedData
from foveal.training.setup.training_data import decode_training_data

NETWORK = Network(input=Input(height=4, width=4, channels=1), layers=(Flatten(), Output()))
ROWS = [
    ("0.png", ("a",), "train"),
    ("1.png", ("b",), "train"),
    ("2.png", ("b",), "val"),
    ("3.png", ("c",), "val"),
    ("4.png", ("a",), "test"),
]


def _requested(folder: Path, rows=ROWS, task="single", classes=("a", "b"), **keys) -> RequestedData:
    for number, (path, _, _) in enumerate(rows):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / path)
    paths, labels, splits = (tuple(column) for column in zip(*rows, strict=True))
    dataset = Dataset(folder, paths, labels, task=task)
    return RequestedData(dataset, splits, classes, ("a warning",), **keys)


def test_rows_of_unknown_classes_are_left_out_and_test_is_not_opened(tmp_path):
    requested = _requested(tmp_path)
    (tmp_path / "4.png").unlink()
    data = decode_training_data(requested, NETWORK, silent)
    assert data.train.labels.tolist() == [0, 1]
    assert data.val.labels.tolist() == [1]
    assert data.run_data.counts == {"train": 2, "val": 1, "test": 1}
    assert [image.path for image in data.run_data.train] == ["0.png", "1.png"]
    assert data.run_data.test[0].content_hash is None
    assert data.run_data.warnings == ("a warning",)
    assert data.content_hashes().dtype == np.uint64
    assert len(data.content_hashes()) == 3


def test_progress_says_which_split_is_decoded(tmp_path):
    told = []

    class Told(Progress):
        def __call__(self, what, done, total, note=""):
            told.append(what)

    decode_training_data(_requested(tmp_path), NETWORK, Told())
    assert [what for what in dict.fromkeys(told) if what.startswith("decoding")] == [
        "decoding train",
        "decoding val",
    ]


def test_several_labels_are_a_table(tmp_path):
    rows = [("0.png", ("a", "b"), "train"), ("1.png", ("c",), "train"), ("2.png", ("b",), "val")]
    data = decode_training_data(_requested(tmp_path, rows, "multi"), NETWORK, silent)
    assert data.train.labels.tolist() == [[1, 1], [0, 0]]
    assert data.train.labels.dtype == np.int64


def test_the_fingerprint_is_of_paths_labels_splits_and_contents(tmp_path):
    requested = _requested(tmp_path)
    first = decode_training_data(requested, NETWORK, silent).run_data.fingerprint
    assert decode_training_data(requested, NETWORK, silent).run_data.fingerprint == first
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "0.png")
    assert decode_training_data(requested, NETWORK, silent).run_data.fingerprint != first


def test_images_that_cannot_be_decoded_are_refused_unless_allowed(tmp_path):
    rows = [*ROWS, ("5.png", ("a",), "train")]
    requested = _requested(tmp_path, rows)
    (tmp_path / "5.png").write_bytes(b"not an image")
    with pytest.raises(DataError) as caught:
        decode_training_data(requested, NETWORK, silent)
    assert str(caught.value).startswith(
        "1 of 6 images cannot be used, more than 5 %; the first is 5.png: "
    )
    allowed = _requested(tmp_path, rows, allow_bad=True)
    (tmp_path / "5.png").write_bytes(b"not an image")
    data = decode_training_data(allowed, NETWORK, silent)
    assert [path for path, _ in data.run_data.unusable] == ["5.png"]


def test_a_class_without_a_readable_training_image_is_refused(tmp_path):
    requested = _requested(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        decode_training_data(requested, NETWORK, silent)
    assert str(caught.value) == (
        "class 'b' is without any image in train that can be read: add images, or leave out what "
        "cannot be read with --allow-bad"
    )
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        decode_training_data(requested, NETWORK, silent)
    assert str(caught.value) == (
        "no image of train can be read: replace them; foveal check gives the reason of each"
    )


def test_with_allow_bad_a_class_without_a_readable_image_is_left_out_if_two_remain(tmp_path):
    rows = [*ROWS[:3], ("3.png", ("c",), "train"), ("4.png", ("c",), "val")]
    requested = _requested(tmp_path, rows, classes=("a", "b", "c"), allow_bad=True)
    (tmp_path / "1.png").write_bytes(b"")
    data = decode_training_data(requested, NETWORK, silent)
    assert data.classes == ("a", "c")
    assert (data.train.labels.tolist(), data.val.labels.tolist()) == ([0, 1], [1])
    assert [path for path, _ in data.run_data.unusable] == ["1.png"]
    assert data.run_data.warnings[-1] == (
        "class 'b' is left out, as no training image there can be read"
    )
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        decode_training_data(requested, NETWORK, silent)
    assert str(caught.value) == (
        "only one class, 'c', has images to train on: give at least two sub-folders, one a class"
    )


def test_a_val_that_cannot_be_read_is_refused_unless_allowed(tmp_path):
    rows = [(f"{n}.png", ("ab"[n % 2],), "train") for n in range(40)] + [("v.png", ("a",), "val")]
    requested = _requested(tmp_path, rows)
    (tmp_path / "v.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        decode_training_data(requested, NETWORK, silent)
    assert str(caught.value) == (
        "no image of val can be read, so nothing could be chosen on it: replace them, or train "
        "without val with --allow-bad"
    )
    data = decode_training_data(replace(requested, allow_bad=True), NETWORK, silent)
    assert data.run_data.counts == {"train": 40, "val": 0, "test": 0}
    assert data.run_data.warnings[-1] == (
        "val is empty, as none of its images can be read: nothing is chosen on it"
    )
