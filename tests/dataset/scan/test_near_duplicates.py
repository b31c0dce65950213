from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.dataset.scan import near_duplicates
from foveal.dataset.scan.duplicates import connected_components, find_duplicates
from foveal.dataset.scan.image_stats import RED, compute_image_stats
from foveal.dataset.scan.near_duplicates import (
    N_TABLES,
    NEIGHBOURS,
    find_near_duplicates,
    propose_pairs,
)
from foveal.dataset.scan.scan import scan_images


def thumbnails_of(contents: list[bytes]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    stats = [compute_image_stats(content) for content in contents]
    indices = [index for index, one in enumerate(stats) if one.thumbnail is not None]
    return (
        np.array([stats[index].thumbnail for index in indices], np.uint8).reshape(-1, 32, 32),
        np.array([stats[index].measures[RED : RED + 3] for index in indices], np.float32).reshape(
            -1, 3
        ),
        indices,
    )


def pairs_of(contents: list[bytes]) -> set[tuple[int, int]]:
    thumbnails, colours, indices = thumbnails_of(contents)
    return {(indices[a], indices[b]) for a, b in find_near_duplicates(thumbnails, colours).tolist()}


def jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


def changed(image: Image.Image, how: str, random: np.random.Generator) -> bytes:
    width, height = image.size
    if how == "encoded":
        return jpeg(image, 45)
    if how == "halved":
        return jpeg(image.resize((width // 2, height // 2), Image.Resampling.LANCZOS), 80)
    if how == "enlarged":
        return jpeg(image.resize((width * 3 // 2, height * 3 // 2)), 80)
    left, top, right, bottom = random.uniform(0, 0.03, 4)
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return jpeg(image.crop(tuple(map(round, box))), 80)


@pytest.mark.realdata
@pytest.mark.parametrize("how", ["encoded", "halved", "enlarged", "cropped"])
def test_changed_photos_are_found(realdata, how: str):
    photos = open_dataset(realdata("clothing10.zip"))
    random = np.random.default_rng(0)
    contents = [photos.read(row) for row in range(0, len(photos), 19)]
    others = [changed(Image.open(io.BytesIO(one)), how, random) for one in contents]
    found = pairs_of(contents + others)
    count = len(contents)
    copies_found = sum((n, n + count) in found for n in range(count))
    assert copies_found / count >= 0.95
    others_found = [pair for pair in found if pair[1] - pair[0] != count]
    assert len(others_found) <= count // 100


@pytest.mark.realdata
def test_photos_of_different_things_are_not_near(realdata):
    photos = open_dataset(realdata("catdog.zip"))
    contents = [photos.read(row) for row in range(len(photos))]
    assert len(pairs_of(contents)) <= 3


def test_the_same_thing_in_another_colour_or_light_is_another_image():
    y, x = np.mgrid[:120, :160]
    shape = ((x - 80) ** 2 + (y - 60) ** 2 < 40**2)[..., None] * np.ones(3)
    texture = np.random.default_rng(0).normal(0, 12, (15, 20, 1)).repeat(8, 0).repeat(8, 1)
    red = 210 + texture - shape * (0, 150, 150)
    blue = 210 + texture - shape * (150, 150, 0)
    dark = red * 0.7
    made = [
        jpeg(Image.fromarray(one.clip(0, 255).astype(np.uint8)), 95) for one in (red, blue, dark)
    ]
    assert pairs_of(made) == set()
    assert pairs_of([made[0], jpeg(Image.open(io.BytesIO(made[0])), 60)]) == {(0, 1)}


def test_digits_are_never_near(digits):
    found = find_duplicates(scan_images(open_dataset(digits), range(300)))
    assert len(found.near) == 0


def test_line_drawings_count_only_when_exact():
    page = np.full((200, 200), 255, np.uint8)
    page[90:110, 40:160] = 0
    other = page.copy()
    other[95:105, 160:170] = 0
    made = [jpeg(Image.fromarray(one), 90) for one in (page, page, other)]
    assert compute_image_stats(made[0]).thumbnail is None
    assert pairs_of(made) == set()
    assert (
        compute_image_stats(made[0]).pixel_hash
        == compute_image_stats(made[1]).pixel_hash
        != compute_image_stats(made[2]).pixel_hash
    )


def test_time_and_proposals_grow_with_the_number_not_its_square():
    random = np.random.default_rng(0)
    for number in (2_000, 8_000):
        coarse = random.integers(0, 256, (number, 8, 8)).astype(np.uint8)
        found = propose_pairs(coarse.repeat(4, 1).repeat(4, 2))
        assert len(found) <= N_TABLES * NEIGHBOURS * number
    same = np.tile(random.integers(0, 256, (1, 32, 32)).astype(np.uint8), (4_000, 1, 1))
    assert len(propose_pairs(same)) <= N_TABLES * NEIGHBOURS * 4_000


def test_many_copies_are_one_group_even_beyond_the_window():
    random = np.random.default_rng(0)
    one = random.integers(0, 256, (1, 32, 32)).astype(np.uint8)
    copies = np.tile(one, (100, 1, 1))
    pairs = find_near_duplicates(copies, np.zeros((100, 3), np.float32))
    assert len(set(connected_components(100, pairs).tolist())) == 1


def test_none_and_one():
    empty = np.empty((0, 32, 32), np.uint8)
    assert find_near_duplicates(empty, np.empty((0, 3), np.float32)).shape == (0, 2)
    one = np.random.default_rng(0).integers(0, 256, (1, 32, 32)).astype(np.uint8)
    assert find_near_duplicates(one, np.zeros((1, 3), np.float32)).shape == (0, 2)


def test_contrasts_are_numpys_standard_deviations():
    levels = np.random.default_rng(4).integers(0, 256, (5000, 9, 9), dtype=np.uint8)
    levels[:3] = 7
    expected = [one.std() for one in levels]
    np.testing.assert_allclose(near_duplicates._contrasts(levels), expected, rtol=1e-12)
    assert near_duplicates._contrasts(levels[:0]).shape == (0,)
