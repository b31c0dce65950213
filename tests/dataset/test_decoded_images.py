"""Pixels of small images that a scan kept: the same cache, without reading a file twice."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset import decoded_images
from foveal.dataset.dataset import Dataset
from foveal.dataset.decoded_images import DecodedImages
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_cache import PixelCache, build_pixel_cache
from foveal.dataset.pixel_facts import find_pixel_facts
from foveal.dataset.scan.scan import scan_images
from foveal.dataset.workers import pool, task
from foveal.spec.preprocess import Input, Preprocess
from foveal.verbs.cache import clear_cache

INPUTS = [
    Input(height=32, width=32),
    Input(height=32, width=24, channels=1),
    Input(height=16, width=16),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))


def save(path: Path, mode: str, size: tuple[int, int], seed: int) -> None:
    """A file with something of every mode: opacity, a palette, many bits."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 5, 4), np.uint8), "RGBA").resize(size)
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "I;16":
        Image.fromarray(np.asarray(coarse)[:, :, 0].astype(np.uint16) * 257).save(path)
    elif mode == "P+":
        coarse.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE).save(
            path, transparency=3
        )
    elif mode == "grey RGB":
        coarse.convert("L").convert("RGB").save(path)
    elif mode == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        coarse.convert("RGB").save(path, exif=exif)
    else:
        coarse.convert(mode).save(path)


FILES = [
    *(("png", mode) for mode in ("L", "RGB", "RGBA", "LA", "P", "P+", "1", "I;16", "grey RGB")),
    *(("jpg", mode) for mode in ("L", "RGB", "CMYK", "YCbCr", "grey RGB", "turned")),
    *(("webp", mode) for mode in ("RGB", "RGBA")),
    *(("bmp", mode) for mode in ("L", "RGB", "P", "1")),
    *(("gif", mode) for mode in ("P", "L")),
    *(("tif", mode) for mode in ("L", "RGB", "RGBA", "CMYK", "I;16", "turned")),
]
SIZES = [(32, 32), (24, 32), (64, 64), (33, 64), (65, 40), (1, 1)]


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("kinds")
    for number, ((ending, mode), size) in enumerate(product(FILES, SIZES)):
        save(root / "ab"[number % 2] / f"{number}.{ending}", mode, size, number)
    (root / "a" / "empty.png").write_bytes(b"")
    (root / "b" / "text.jpg").write_bytes(b"no image at all")
    return root


def assert_same(one: PixelCache, other: PixelCache) -> None:
    for name, value in vars(one).items():
        assert np.array_equal(getattr(other, name), value), name


def build(data: Dataset, input: Input, rule: Preprocess, decoded: DecodedImages | None):
    clear_cache()
    return build_pixel_cache(data, range(len(data)), input, rule, decoded=decoded)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry a file that the pixel cache decodes in this process."""
    seen: list[int] = []
    real = task.to_input_pixels
    monkeypatch.setattr(task, "to_input_pixels", lambda *given: seen.append(1) or real(*given))
    return seen


@pytest.mark.parametrize("input", INPUTS, ids=str)
@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_the_cache_is_the_same_to_the_bit_for_every_kind_of_file(every_kind, input, fit, reads):
    data = open_dataset(every_kind)
    rule = Preprocess(fit=fit, crop_fraction=0.9 if fit == "crop" else 1.0)
    rule, _ = find_pixel_facts(data).settle(rule)  # as training does
    wanted = build(data, input, rule, None)
    assert len(reads) == len(data)
    reads.clear()
    clear_cache()
    decoded = DecodedImages()
    scan_images(data, range(len(data)), decoded=decoded)
    assert_same(build(data, input, rule, decoded), wanted)
    # What is larger than 64 px a side or cannot be read is opened again; for a small input also
    # what a JPEG decoder may reduce.
    assert 0 < len(reads) < len(data) / (2 if input.height == 16 else 4)


def test_pixels_scanned_with_another_background_are_not_taken(every_kind, reads):
    data = open_dataset(every_kind)
    decoded = DecodedImages()
    scan_images(data, range(len(data)), decoded=decoded)
    for rule in (Preprocess(background=(1, 2, 3)), Preprocess(range=(0.0, 999.0))):
        reads.clear()
        found = build(data, INPUTS[0], rule, decoded)
        assert len(reads) == len(data)
        assert_same(found, build(data, INPUTS[0], rule, None))


def test_an_image_is_given_away_once(images, reads):
    data = open_dataset(images("a/1.png a/2.png b/1.png"))
    decoded = DecodedImages()
    scan_images(data, range(3), decoded=decoded)
    wanted = build(data, INPUTS[0], Preprocess(), decoded)
    assert reads == []
    assert_same(build(data, INPUTS[0], Preprocess(), decoded), wanted)
    assert len(reads) == 3


def test_beyond_the_limit_images_are_decoded_again(images, reads):
    data = open_dataset(images(" ".join(f"{c}/{n}.png" for c in "ab" for n in range(5))))
    decoded = DecodedImages(max_bytes=7 * 12 * 10 * 3 + 1)
    scan_images(data, range(10), decoded=decoded)
    found = build(data, INPUTS[0], Preprocess(), decoded)
    assert len(reads) == 3
    assert_same(found, build(data, INPUTS[0], Preprocess(), None))


def test_a_cached_scan_keeps_nothing(images, reads):
    data = open_dataset(images("a/1.png b/1.png"))
    scan_images(data, range(2))
    decoded = DecodedImages()
    scan_images(data, range(2), decoded=decoded)
    build(data, INPUTS[0], Preprocess(), decoded)
    assert len(reads) == 2


def test_workers_send_pixels_and_none_is_started_where_all_are_kept(images, monkeypatch):
    monkeypatch.setattr(pool, "MIN_ROWS_FOR_PROCESSES", 4)
    data = open_dataset(images(" ".join(f"{c}/{n}.png" for c in "ab" for n in range(5))))
    wanted = build(data, INPUTS[0], Preprocess(), None)
    clear_cache()
    decoded = DecodedImages()
    scan_images(data, range(10), decoded=decoded)
    counts: list[int] = []
    real = decoded_images.worker_pool
    monkeypatch.setattr(
        decoded_images,
        "worker_pool",
        lambda dataset, task, count: counts.append(count) or real(dataset, task, count),
    )
    assert_same(build(data, INPUTS[0], Preprocess(), decoded), wanted)
    assert counts == [0]
