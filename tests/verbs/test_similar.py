"""The verb similar: the nearest images, itself left out, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import foveal
from foveal.dataset.dataset import Dataset
from foveal.errors import DataError, Error, UsageError
from foveal.verbs.similar import similar


@pytest.fixture
def model(digits_run: Path) -> foveal.Predictor:
    return foveal.load(digits_run / "model.safetensors")


def test_the_nearest_by_a_plain_loop(model, digits: Path):
    image = sorted((digits / "4").iterdir())[0]
    result = foveal.similar(model, image, digits, count=7)
    paths = [path for path in sorted(digits.rglob("*.png")) if path != image]
    query, vectors = model.embed([image])[0].astype(float), model.embed(paths).astype(float)
    distances = [
        1 - query @ vector / np.linalg.norm(query) / np.linalg.norm(vector) for vector in vectors
    ]
    order = np.argsort(distances)[:7]
    assert [digits / item.path for item in result.similar] == [paths[row] for row in order]
    np.testing.assert_allclose(
        [item.distance for item in result.similar], np.array(distances)[order], atol=1e-5
    )
    assert (result.image, result.searched, result.unusable) == (str(image), 299, ())
    assert {item.split for item in result.similar} == {None}
    assert result.similar[0].labels == ("4",)


def test_a_copy_is_found_and_the_image_itself_is_not(model, digits: Path, tmp_path: Path):
    for label in "01":
        shutil.copytree(digits / label, tmp_path / "train" / label)
    image = sorted((tmp_path / "train" / "1").iterdir())[0]
    (tmp_path / "test" / "1").mkdir(parents=True)
    shutil.copy(image, tmp_path / "test" / "1" / "copy.png")
    first, *others = similar(model, str(image), tmp_path, count=1000).similar
    assert (first.path, first.split) == ("test/1/copy.png", "test")
    assert first.distance == pytest.approx(0, abs=1e-6)
    assert image not in [tmp_path / item.path for item in others]
    bytes_given = similar(model, image.read_bytes(), tmp_path, count=2)
    assert {item.path for item in bytes_given.similar} == {
        "test/1/copy.png",
        f"train/1/{image.name}",
    }
    assert bytes_given.image == "image"


def test_a_folder_without_labels(model, digits: Path, tmp_path: Path):
    for path in sorted((digits / "5").iterdir())[:4]:
        shutil.copy(path, tmp_path)
    (tmp_path / "broken.png").write_bytes(b"")
    (tmp_path / "loop.png").symlink_to(tmp_path / "nowhere")
    image = sorted(tmp_path.glob("0*.png"))[0]
    result = similar(model, image, tmp_path)
    assert (result.searched, [item.labels for item in result.similar]) == (3, [()] * 3)
    assert {item.path: item.reason for item in result.unusable} == {
        "broken.png": "empty file",
        "loop.png": "cannot be opened: a symbolic link that leads nowhere",
    }
    data = result.to_data()
    assert data["similar"][0]["labels"] == []
    assert data["searched"] == 3


def test_nothing_but_the_image_itself(model, digits: Path, tmp_path: Path):
    image = next(digits.rglob("*.png"))
    (tmp_path / "a").mkdir()
    own = shutil.copy(image, tmp_path / "a" / "1.png")
    result = similar(model, own, Dataset(tmp_path, ("a/1.png",), (("a",),)))
    assert (result.searched, result.similar) == (0, ())


def test_what_is_refused(model, digits: Path, tmp_path: Path):
    image = next(digits.rglob("*.png"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    (tmp_path / "none").mkdir()
    for given, count, data, kind, message in (
        (image, 0, digits, UsageError, "--count is 0; give a whole number of 1 or more"),
        (broken, 1, digits, Error, f"the image {broken} cannot be read (empty file); give another"),
        (
            np.zeros((0, 4), np.uint8),
            1,
            digits,
            Error,
            "the given image cannot be read (an array must be uint8 (H, W), (H, W, 1), (H, W, 3) "
            "or (H, W, 4), not uint8 (0, 4)); give another",
        ),
        (
            digits,
            1,
            digits,
            UsageError,
            f"the image {digits} is not one image; give one file, or the pixels of one image",
        ),
        (
            image,
            1,
            tmp_path / "none",
            DataError,
            f"no images in {tmp_path}/none: give a folder with one sub-folder a class, each with "
            "images",
        ),
        (
            image,
            1,
            tmp_path / "missing",
            DataError,
            f"no such file or folder: {tmp_path}/missing; give the folder that holds the images",
        ),
    ):
        with pytest.raises(kind) as error:
            similar(model, given, data, count=count)
        assert str(error.value) == message


def test_a_network_that_gives_no_number(digits_run: Path, digits: Path):
    model = foveal.load(digits_run / "model.safetensors")
    model.module[0].mean.fill_(float("nan"))
    with pytest.raises(Error) as error:
        similar(model, next(digits.rglob("*.png")), digits)
    assert str(error.value) == (
        "the model's output is NaN or infinite; train the model again with a smaller learning rate"
    )
