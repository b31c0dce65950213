"""One value range and one background on every route, from training to the exported file."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.model.file import read_manifest


@pytest.fixture
def thermal(tmp_path):
    """Float TIFF files in which brightness is the class."""
    random = np.random.default_rng(0)
    for name, level in (("cold", 0.2), ("hot", 0.75)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            values = level + 0.05 * random.standard_normal((16, 16))
            Image.fromarray(values.astype(np.float32)).save(
                tmp_path / "data" / name / f"{number}.tif"
            )
    return tmp_path


def test_the_range_is_told_stored_and_the_same_everywhere(thermal, messages):
    run = foveal.train(thermal / "data", epochs=2, out=thermal / "run", progress=messages)
    preprocess = read_manifest(run.model_path).network.preprocess
    assert preprocess.range == (0.0, 1.0)
    assert any(
        "preprocess.range [0, 1]: 24 of 24 sampled images hold" in line for line in messages.texts
    )
    foveal.export(run.model_path, out=thermal / "m.onnx")
    exported = foveal.load(thermal / "m.onnx")
    files = sorted((thermal / "data").glob("*/*.tif"))
    native = foveal.load(run.model_path)
    values = native.predict_proba(files)
    assert np.abs(values - exported.predict_proba(files)).max() < 1e-4
    assert np.abs(values - native.predict_proba([file.read_bytes() for file in files])).max() < 1e-5
    assert np.abs(values - native.predict_proba([Image.open(file) for file in files])).max() < 1e-5


def test_a_range_and_background_that_are_set_win(thermal):
    overrides = {"preprocess.range": [0, 2], "preprocess.background": [9, 9, 9]}
    run = foveal.train(thermal / "data", epochs=1, out=thermal / "run", overrides=overrides)
    preprocess = read_manifest(run.model_path).network.preprocess
    assert (preprocess.range, preprocess.background) == ((0.0, 2.0), (9, 9, 9))
    resumed = foveal.train(
        thermal / "data", epochs=2, out=thermal / "run", overrides=overrides, resume=True
    )
    assert resumed.epochs == 2


def test_a_model_of_8_bit_images_refuses_float_ones(thermal):
    for file in sorted((thermal / "data").glob("*/*.tif")):
        values = np.asarray(Image.open(file)) * 255
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(file.with_suffix(".png"))
        file.rename(thermal / f"{file.parent.name}{file.name}")
    run = foveal.train(thermal / "data", epochs=1, out=thermal / "run")
    assert read_manifest(run.model_path).network.preprocess.range is None
    (answer,) = foveal.load(run.model_path).predict(thermal / "hot0.tif")
    assert answer.error == (
        "32-bit or float values, for which preprocess.range has no range; convert it to 8 bits, "
        "or train with images of this kind"
    )


def test_a_model_of_8_bit_images_refuses_those_of_a_12_bit_camera(tmp_path):
    random = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 180)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(level, level + 40, (16, 16), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    run = foveal.train(tmp_path / "data", epochs=1, out=tmp_path / "run")
    twelve_bits = random.integers(0, 4096, (16, 16)).astype(np.uint16)
    twelve_bits[0] = 4095
    Image.fromarray(twelve_bits).save(tmp_path / "camera.png")
    Image.fromarray(twelve_bits * 16).save(tmp_path / "full.png")
    refused, read = foveal.load(run.model_path).predict(
        [tmp_path / "camera.png", tmp_path / "full.png"]
    )
    assert refused.error == (
        "16-bit values up to 4095, of which neither the file nor preprocess.range tells the range "
        "(0 to 4095?), so that it would be nearly one colour; convert it to 8 bits, or train with "
        "images of this kind"
    )
    assert read.error is None


def test_a_range_that_is_none_is_one_sentence(thermal):
    with pytest.raises(foveal.Error) as error:
        foveal.train(
            thermal / "data",
            epochs=1,
            out=thermal / "run",
            overrides={"preprocess.range": [5, 5]},
        )
    assert str(error.value) == (
        "preprocess.range is [5, 5]: the first value must be below the second"
    )
