"""The value range and the background of a data set."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_facts import PixelFacts, find_pixel_facts
from foveal.dataset.scan.scan import scan_images
from foveal.images.resize import to_input_pixels
from foveal.spec.preprocess import Input, Preprocess


def folder(root, images, suffix="png") -> Dataset:
    for number, image in enumerate(images):
        path = root / "ab"[number % 2] / f"{number:02}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path)
    return open_dataset(root)


def noise(low, high, dtype, count=12):
    random = np.random.default_rng(0)
    return [random.uniform(low, high, (16, 16)).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize(
    ("low", "high", "dtype", "suffix", "wanted"),
    [
        (0, 255, np.uint16, "png", (0, 255)),
        (0, 4000, np.uint16, "png", (0, 4095)),
        (100, 16_000, np.uint16, "tif", (0, 16_383)),
        (0, 65_535, np.uint16, "png", (0, 65_535)),
        (30_000, 31_000, np.uint16, "png", None),
        (0.0, 1.0, np.float32, "tif", (0, 1)),
        (-1.0, 1.0, np.float32, "tif", (-1, 1)),
        (0, 255, np.float32, "tif", (0, 255)),
        (-20, 60, np.float32, "tif", (-20, 60)),
        (0, 9_000, np.int32, "tif", (0, 9_000)),
    ],
)
def test_the_range_is_that_of_the_kind_of_values(tmp_path, low, high, dtype, suffix, wanted):
    facts = find_pixel_facts(folder(tmp_path, noise(low, high, dtype), suffix))
    wanted = wanted or (low, high)
    assert facts.range is not None
    assert np.abs(np.subtract(facts.range, wanted)).max() <= 0.01 * (high - low)
    assert facts.background == (0, 0, 0)
    assert facts.warnings == ()


def test_ordinary_images_have_no_facts(tmp_path):
    assert find_pixel_facts(folder(tmp_path, noise(0, 255, np.uint8))) == PixelFacts()


def test_the_reason_counts_what_was_sampled(tmp_path):
    images = noise(0, 4_000, np.uint16, 6) + noise(0, 255, np.uint8, 6)
    images[0][0, :2] = 0, 4_000
    assert find_pixel_facts(folder(tmp_path, images)).range_reason == (
        "preprocess.range [0, 4095]: 6 of 12 sampled images hold 16-bit values from 0 to 4000; "
        "8-bit images keep 0 to 255"
    )


def test_kinds_that_no_range_fits_and_values_that_are_no_numbers_are_told(tmp_path):
    images = noise(0, 1, np.float32, 6) + noise(0, 60_000, np.int32, 4)
    images[0][0, 0] = np.nan
    assert find_pixel_facts(folder(tmp_path, images, "tif")).warnings == (
        "the sampled images hold values of different kinds (6 float and 4 32-bit), which one "
        "preprocess.range cannot fit: convert them to one kind",
        "1 of 10 sampled images hold NaN or infinite values: NaN is read as the low end of "
        "preprocess.range, infinity as the end on its side",
    )


def drawing(level: int, seed: int, mode: str = "RGBA") -> Image.Image:
    alpha = np.zeros((24, 24), np.uint8)
    top, left = np.random.default_rng(seed).integers(0, 12, 2)
    alpha[top : top + 9, left : left + 9] = 255
    grey = Image.new("L", (24, 24), level)
    return Image.merge("LA", [grey, Image.fromarray(alpha)]).convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(
    ("levels", "background"),
    [
        ([0], (255, 255, 255)),
        ([20], (255, 255, 255)),
        ([255], (0, 0, 0)),
        ([120], (0, 0, 0)),
        ([0, 255], (128, 128, 128)),
    ],
)
def test_the_background_separates_the_drawings(tmp_path, mode, levels, background):
    images = [drawing(levels[seed % len(levels)], seed, mode) for seed in range(12)]
    facts = find_pixel_facts(folder(tmp_path, images))
    assert facts.background == background
    assert bool(facts.background_reason) == (background != (0, 0, 0))
    if levels == [0]:
        assert facts.background_reason == (
            "preprocess.background [255, 255, 255]: 12 of 12 sampled images have transparent "
            "parts, and what is drawn differs from white by 255 levels of 255, from black by 0"
        )


def test_val_and_test_are_not_looked_at(tmp_path):
    images = [*noise(0, 255, np.uint8, 6), *noise(0, 1, np.float32, 6)]
    data = folder(tmp_path, images, "tif")
    splits = ["train" if int(path[2:4]) < 6 else "test" for path in data.paths]
    data = Dataset(data.root, data.paths, data.labels, splits=tuple(splits))
    assert find_pixel_facts(data) == PixelFacts()


def test_what_a_person_set_stays():
    facts = PixelFacts((0, 4095), "range why", (255, 255, 255), "background why")
    settled, reasons = facts.settle(Preprocess(fit="pad"))
    assert settled == Preprocess(fit="pad", range=(0, 4095), background=(255, 255, 255))
    assert reasons == ("range why", "background why")
    own = Preprocess(range=None, background=(0, 0, 0))
    assert facts.settle(own) == (own, ())


def test_images_that_differ_in_opacity_alone_are_no_duplicates(tmp_path):
    images = [drawing(0, seed) for seed in range(4)] + [drawing(255, seed) for seed in range(4)]
    data = folder(tmp_path, images)
    assert len(set(scan_images(data, range(8)).pixel_hashes.tolist())) == 8
    kinds = {finding.kind for finding in foveal.check(data).findings}
    assert not kinds & {"duplicates", "blank"}


def test_a_drawing_in_the_colour_of_the_background_is_not_called_blank(tmp_path):
    images = [drawing(255, seed) for seed in range(19)] + [drawing(0, 99)]
    findings = {one.kind: one for one in foveal.check(folder(tmp_path, images)).findings}
    assert "blank" not in findings
    assert findings["invisible"].files == ("b/19.png",)
    assert findings["invisible"].advice == (
        "Drawn in the colour of the background, so that only transparency tells what it shows: "
        "set preprocess.background to another colour when training."
    )


def test_check_says_what_train_takes(tmp_path):
    result = foveal.check(folder(tmp_path, noise(0.0, 1.0, np.float32), "tif"))
    advice = next(one.advice for one in result.findings if one.kind == "preprocess")
    assert advice.startswith("Train takes preprocess.range [0, 1]: 12 of 12 sampled images hold ")


def png16(path, values: np.ndarray) -> None:
    """A 16-bit RGB PNG, which Pillow does not write."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [
        (b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )


@pytest.mark.parametrize("high", [4_095, 65_535])
def test_colour_of_16_bits_a_channel_has_a_range_too(tmp_path, high):
    for seed in range(4):
        values = np.random.default_rng(seed).integers(0, high + 1, (9, 9, 3))
        png16(tmp_path / "ab"[seed % 2] / f"{seed}.png", values)
    data = open_dataset(tmp_path)
    facts = find_pixel_facts(data)
    assert facts.range == (0.0, float(high))
    rule = Preprocess(range=facts.range)
    pixels = to_input_pixels(data.read(0), Input(height=9, width=9), rule)
    values = np.random.default_rng(0).integers(0, high + 1, (9, 9, 3))
    wanted = values >> 8 if high == 65_535 else np.round(values * (255 / high))
    assert np.array_equal(pixels, wanted)
