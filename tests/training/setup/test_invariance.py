"""Nearest neighbours of images as they are, mirrored and moved."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from foveal.training.setup.invariance import measure_invariance

REACH = 0.07


def test_digits_are_not_mirrored_and_moved_by_a_part_of_their_width_only(digits_data):
    pixels, labels = digits_data.train.pixels, digits_data.train.labels
    coarse = measure_invariance(pixels, labels, REACH)  # a pixel of eight
    fine = measure_invariance(
        pixels.repeat(4, axis=1).repeat(4, axis=2), labels, REACH
    )  # two of 32
    assert coarse.plain > 0.85
    assert coarse.mirrored < 0.6 * coarse.plain
    assert coarse.moved < 0.5 * coarse.plain
    assert fine.moved > 0.8 * fine.plain


def _stripes():
    """One bright row a class, at a row of its own."""
    pixels = np.zeros((60, 8, 8, 1), np.uint8)
    labels = np.arange(60) % 3
    for number in range(60):
        pixels[number, labels[number] * 2] = 200 + number % 20
    return pixels, labels


def test_stripes_stay_when_mirrored_and_are_others_when_moved():
    found = measure_invariance(*_stripes(), shift=2 / 8)
    assert (found.plain, found.mirrored) == (1.0, 1.0)
    assert found.moved < 0.7


@pytest.mark.parametrize("side", [16, 48, 96])
def test_plain_and_mirrored_are_what_scikit_learn_finds(side):
    chance = np.random.default_rng(side)
    labels = chance.integers(0, 4, 90)
    # every class has a brighter column of its own, more or less
    pixels = chance.integers(0, 120, (90, side, side, 3))
    for number, label in enumerate(labels):
        pixels[number, :, label * side // 8 : label * side // 8 + side // 8] += 400 // side
    pixels = pixels.astype(np.uint8)
    step = side // 16
    small = pixels.reshape(90, 16, step, 16, step, 3).mean((2, 4))
    found = measure_invariance(pixels, labels, REACH)
    for shown, share in ((small, found.plain), (small[:, :, ::-1], found.mirrored)):
        right = 0
        for number in range(90):
            others = np.arange(90) != number
            known = KNeighborsClassifier(1).fit(small[others].reshape(89, -1), labels[others])
            right += known.predict(shown[number].reshape(1, -1))[0] == labels[number]
        assert share == pytest.approx(right / 90, abs=1e-4)
    assert 0 < found.mirrored < found.plain < 1


def test_unknown_without_one_label_a_image_or_with_few():
    pixels, labels = _stripes()
    assert measure_invariance(pixels, np.eye(3, dtype=np.int64)[labels], REACH) is None
    assert measure_invariance(pixels[:19], labels[:19], REACH) is None
