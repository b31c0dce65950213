"""The convolve verb: what it accepts as image and kernel, and what it writes."""

import io

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError, UsageError
from foveal.verbs.convolve import convolve

NUMBERS = np.arange(20.0).reshape(4, 5)


def test_numbers_under_a_kernel_of_numbers():
    result = convolve(NUMBERS, np.array([[1.0, -1.0]]), stride=(1, 2))
    assert np.array_equal(result.values, np.full((4, 2), -1.0))
    assert (result.input, result.output, result.padding) == ((4, 5), (4, 2), (0, 0, 0, 0))
    assert result.first.products.tolist() == [[0.0, -1.0]]
    assert (result.file, result.stretched) == (None, False)


def test_bytes_of_an_image_are_converted_to_grey():
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (10, 10, 10)).save(buffer, "PNG")
    result = convolve(buffer.getvalue(), "identity", padding="same")
    assert np.array_equal(result.values, np.full((2, 3), 10.0))


def test_values_that_do_not_fit_are_scaled_in_the_file(tmp_path):
    result = convolve(NUMBERS, "1", out=tmp_path / "fits.png")
    assert not result.stretched
    assert np.array_equal(np.asarray(Image.open(result.file)), NUMBERS)
    result = convolve(NUMBERS, "-1", out=tmp_path / "negative.png")
    assert result.stretched
    assert np.asarray(Image.open(result.file)).ravel()[[0, -1]].tolist() == [255, 0]


def test_numbers_that_are_no_map_are_an_error():
    with pytest.raises(UsageError) as caught:
        convolve(np.zeros((2, 2, 3)))
    assert str(caught.value) == "the image has shape (2, 2, 3); give one map (height, width)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": np.ones(3)}, "the kernel has shape (3,); give numbers (height, width)"),
        ({"pool": "max:3"}, "a 3x3 pooling leaves nothing of a 2x3 map; give a smaller one"),
        *(
            (
                {"padding": 1, **arguments},
                "the feature map has values that are no numbers, or beyond 1e+100; give an image, "
                "a kernel and a padding value of smaller numbers",
            )
            for arguments in (
                {"kernel": "1e308 1e308"},
                {"kernel": np.array([[np.nan]]), "activation": "tanh"},
                {"padding_value": -1e308},
            )
        ),
    ],
)
def test_numbers_that_give_no_map_are_an_error(arguments, message):
    with pytest.raises(UsageError) as caught:
        convolve(NUMBERS, **arguments)
    assert str(caught.value) == message


def test_bytes_that_are_no_image_are_an_error():
    with pytest.raises(ImageError) as caught:
        convolve(b"not an image")
    assert str(caught.value) == (
        "the image cannot be read (not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, "
        "AVIF, HEIC), but text that starts with 'not an image'); give another"
    )
