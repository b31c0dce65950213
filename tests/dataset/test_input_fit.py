"""What the input of a network loses of images: colour, and most of a large image."""

import pytest
from PIL import Image

from foveal.dataset.dataset import Dataset
from foveal.dataset.input_fit import input_warnings
from foveal.spec.preprocess import Input

COLOUR = (
    "3 of 4 sampled images have colour, but the network has one channel and reads them as grey; "
    "where colour tells the classes apart, take a network of three channels"
)
SIZE = (
    "the sampled images have 90 pixels on their shorter side (median), but the network reads them "
    "at 8x16, where little of them is left; take a network of a larger input, such as foveal "
    "design gives"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for number in range(4):
        colour = (40 * number, 90, 90) if number < 3 else (90, 90, 90)
        Image.new("RGB", (120, 90), colour).save(root / f"{number}.jpg")
    names = tuple(f"{number}.jpg" for number in range(4))
    return Dataset(root, names, ((),) * 4)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((8, 16, 1), [COLOUR, SIZE]),
        ((8, 16, 3), [SIZE]),
        ((32, 32, 1), [COLOUR]),
        ((23, 23, 3), []),
        ((32, 32, 3), []),
    ],
)
def test_what_is_lost_is_told(photos, size, wanted):
    height, width, channels = size
    input = Input(height=height, width=width, channels=channels)
    assert list(input_warnings(photos, range(4), input)) == wanted


def test_an_input_that_loses_nothing_opens_no_image(tmp_path):
    gone = Dataset(tmp_path, ("gone.jpg",), ((),))
    assert list(input_warnings(gone, [0], Input(height=224, width=224))) == []
    assert list(input_warnings(gone, [0], Input(height=8, width=8, channels=1))) == []
