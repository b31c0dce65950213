"""Whether a data set can be trained on: the same answer from check, design and train."""

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import foveal
from foveal.dataset.types import UnusableFile
from foveal.doctor.trainable import listing_errors, reading_errors
from foveal.errors import Error
from foveal.progress import silent
from foveal.training.run.start import start_run
from foveal.training.setup.request import TrainRequest


def listing(dataset, splits=None, **keys):
    splits = splits or ("train",) * len(dataset)
    return {one.kind: one.text for one in listing_errors(dataset, splits, **keys)}


def reading(dataset, splits, rows, **keys):
    unreadable = [(row, UnusableFile(dataset.paths[row], "truncated")) for row in rows]
    return {one.kind: one.text for one in reading_errors(dataset, splits, unreadable, **keys)}


def test_what_the_list_of_images_says(make_dataset):
    assert listing(make_dataset("")) == {
        "no_images": "no labelled image in data; give a folder with one sub-folder a class, each "
        "with images"
    }
    assert listing(make_dataset("aa")) == {
        "one_class": "only one class, 'a', has images to train on: give at least two "
        "sub-folders, one a class"
    }
    four = make_dataset("abcd")
    splits = ("train", "train", "val", "test")
    assert listing(four, splits) == {
        "class_not_in_train": "classes 'c', 'd' are in val or test but not in train: add images "
        "of them to train, or leave them out with --ignore-unknown-classes"
    }
    assert listing(four, splits, ignore_unknown=True) == {}
    assert listing(make_dataset([("a",), ()], task="multi")) == {}
    assert listing(make_dataset([(), ()], task="multi"))["one_class"] == (
        "no class has images to train on: give one sub-folder a class"
    )


def test_the_share_counts_all_files_but_those_of_a_test_split_of_data(make_dataset):
    labels = "ab" * 20
    plain = make_dataset(labels)
    assert reading(plain, ["train"] * 30 + ["test"] * 10, [0, 1]) == {}
    assert reading(plain, ["train"] * 30 + ["test"] * 10, [0, 1, 2])["many_unusable"] == (
        "3 of 40 images cannot be used, more than 5 %; the first is 0.png: truncated; replace or "
        "delete them, or leave them out with --allow-bad"
    )
    own = ("train",) * 30 + ("test",) * 10
    split = make_dataset(labels, splits=own)
    assert reading(split, own, [0, 1])["many_unusable"].startswith(
        "2 of 30 images of train and val cannot be used, more than 5 %; "
    )
    assert reading(split, own, [0, 1], allow_bad=True) == {}


def _png(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _write(folder, files):
    """files: (split or '', class, good) -> how many."""
    number = 0
    for (split, label, good), count in files.items():
        for _ in range(count):
            number += 1
            path = folder / split / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_png(number) if good else b"no image")


def _starts(data, out, **keys):
    values = dict.fromkeys(TrainRequest.__dataclass_fields__) | {
        "data": data,
        "overrides": {"batch_size": 2},
        "factors": {},
        "epochs": 1.0,
        "seed": 0,
        "device": "cpu",
        "allow_bad": False,
        "ignore_unknown_classes": False,
        **keys,
    }
    out.mkdir()
    try:
        start_run(TrainRequest(**values), out, silent, 0.0)
    except Error as error:
        return str(error)
    return None


def _design_refusal(data):
    try:
        foveal.design(data)
    except Error as error:
        return str(error)
    return None


def _agree(files):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        _write(folder / "data", files)
        result = foveal.check(folder / "data")
        reason = _starts(folder / "data", folder / "run")
        shutil.rmtree(folder / "run")
        assert result.trainable == (reason is None), reason
        assert _design_refusal(folder / "data") == reason
        return result, reason


COUNTS = st.one_of(st.integers(0, 3), st.sampled_from((20, 40)))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.sampled_from([("",), ("train", "val", "test"), ("train", "test"), ("train", "val")]),
    st.data(),
)
def test_check_says_whether_train_starts(tmp_path_factory, splits, data):
    files = {}
    for split in splits:
        for label in "abc":
            files[split, label, True] = data.draw(COUNTS, f"good {split} {label}")
            files[split, label, False] = data.draw(st.integers(0, 2), f"bad {split} {label}")
    _agree(files)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {("", "a", True): 20, ("", "b", True): 20, ("", "a", False): 5, ("", "b", False): 5},
            "10 of 50 images cannot be used, more than 5 %; the first is a/41.png: ",
        ),
        (
            {("", "a", True): 40, ("", "b", True): 40, ("", "c", False): 1},
            "class 'c' is without any image in train that can be read: ",
        ),
        (
            {
                ("train", "a", True): 40,
                ("train", "b", True): 40,
                ("val", "a", False): 1,
                ("val", "b", False): 1,
                ("test", "a", False): 9,
            },
            "no image of val can be read, so nothing could be chosen on it: ",
        ),
        ({("val", "a", True): 2, ("val", "b", True): 2}, None),
    ],
)
def test_check_and_train_give_the_same_reason(files, reason):
    result, told = _agree(files)
    if reason is None:  # val alone: only that both say the same
        return
    assert told is not None
    assert told.startswith(reason)
    first = next(one for one in result.findings if not one.files)
    assert first.advice == f"{told[0].upper()}{told[1:]}."


@pytest.mark.parametrize(
    ("bad", "classes", "warning"),
    [
        ("train/c", ("a", "b"), "class 'c' is left out, as no training image there can be read"),
        (
            "val",
            ("a", "b", "c"),
            "val is empty, as none of its images can be read: nothing is chosen on it",
        ),
    ],
)
def test_with_allow_bad_the_rest_is_trained_and_it_is_told(
    tmp_path, messages, bad, classes, warning
):
    files = {
        (split, label, not f"{split}/{label}".startswith(bad)): 6
        for split in ("train", "val", "test")
        for label in "abc"
    }
    _write(tmp_path / "data", files)
    run = foveal.train(
        tmp_path / "data", epochs=1, allow_bad=True, out=tmp_path / "run", progress=messages
    )
    assert f"warning: {warning}" in messages.texts
    assert foveal.load(run.model_path).labels == classes
    assert (run.val_images, run.report_path is None) == ((0, True) if bad == "val" else (12, False))
