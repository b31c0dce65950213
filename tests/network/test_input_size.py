"""The input takes the images' own size and shape where it can, and says what would be lost."""

import pytest

from foveal.dataset.stats import Stats
from foveal.network.input_size import candidate_sizes, choose_fit
from foveal.spec.preprocess import Input


def stats(height, width, spread=1.0):
    """Images of this median size, whose aspect ratios differ by `spread` both ways."""
    ratio = width / height
    return Stats(
        images=3000,
        classes={"a": 1500, "b": 1500},
        task="single",
        width=(width, width, width),
        height=(height, height, height),
        aspect=(ratio / spread, ratio, ratio * spread),
        grey=False,
        sampled=512,
    )


@pytest.mark.parametrize(
    ("height", "width", "size", "reason"),
    [
        (28, 28, (28, 28, 3), "the median image has 28x28"),
        (8, 12, (16, 24, 3), "the median image has 8x12, enlarged to 16 pixels or more"),
    ],
)
def test_small_images_keep_their_size_or_are_enlarged_by_a_whole_number(
    height, width, size, reason
):
    sizes, why = candidate_sizes(stats(height, width), 3)
    assert [one.shape for one in sizes] == [size]
    assert why == reason


def test_large_images_have_several_sizes_of_their_shape_not_above_their_own():
    sizes, why = candidate_sizes(stats(240, 180), 3)
    assert [one.shape for one in sizes] == [(208, 160, 3), (176, 128, 3), (128, 96, 3), (80, 64, 3)]
    assert why == (
        "nearly all images have the aspect ratio 0.75 (width / height); the largest side that "
        "fits the budget, not above the median image's 240x180"
    )
    square, why = candidate_sizes(stats(240, 180, spread=1.2), 3)
    assert [one.shape[:2] for one in square] == [(160, 160), (128, 128), (96, 96), (64, 64)]
    assert why.startswith("square, because aspect ratios differ or are near 1; ")


@pytest.mark.parametrize(
    ("spread", "told"),
    [
        (1.0, "crop: the images have the input's aspect ratio, nothing is cropped"),
        (1.1, "crop: a crop would remove at most 9% of the area of nine in ten images"),
        (
            1.5,
            "squash: a crop would remove at most 33% of the area of nine in ten images, a squash "
            "stretches them at most 1.50 times",
        ),
        (
            4.0,
            "pad: a crop would remove at most 75% of the area of nine in ten images, a squash "
            "would stretch them 4.0 times; padding fills at most 75%",
        ),
    ],
)
def test_what_is_lost_decides_how_images_fit(spread, told):
    preprocess, reason = choose_fit(stats(100, 100, spread), Input(height=64, width=64))
    assert reason == f"preprocess.fit {told}"
    assert told.startswith(preprocess.fit)


def test_weights_that_were_learned_on_crops_allow_more_of_them():
    preprocess, _ = choose_fit(stats(100, 100, 1.5), Input(height=64, width=64), 0.4)
    assert preprocess.fit == "crop"
