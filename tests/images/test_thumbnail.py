"""Thumbnails as data URIs."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from foveal.images.thumbnail import data_uri, enlarge, thumbnail_uri, to_image


def _decoded(uri: str) -> tuple[str, Image.Image]:
    head, _, content = uri.partition(",")
    assert head.startswith("data:image/")
    assert head.endswith(";base64")
    return head.removeprefix("data:image/").removesuffix(";base64"), Image.open(
        io.BytesIO(base64.b64decode(content))
    )


def _noise(height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_small_image_is_a_png_of_the_same_pixels(channels, mode):
    pixels = _noise(20, 30, channels)
    kind, image = _decoded(thumbnail_uri(pixels, 96))
    assert (kind, image.mode, image.size) == ("png", mode, (30, 20))
    assert (np.asarray(image).reshape(20, 30, channels) == pixels).all()


def test_a_large_image_is_a_jpeg_of_at_most_max_side():
    kind, image = _decoded(thumbnail_uri(_noise(200, 400, 3), 100))
    assert (kind, image.size) == ("jpeg", (100, 50))


def test_max_png_pixels_decides_the_format():
    assert _decoded(thumbnail_uri(_noise(8, 8, 1), 96, max_png_pixels=0))[0] == "jpeg"
    assert _decoded(thumbnail_uri(_noise(90, 90, 1), 96, max_png_pixels=90 * 90))[0] == "png"


def test_quality_changes_the_size_of_a_jpeg():
    pixels = _noise(90, 90, 3)
    assert len(thumbnail_uri(pixels, 96, quality=30)) < len(thumbnail_uri(pixels, 96))


def test_a_small_image_is_enlarged_by_whole_steps():
    pixels = _noise(8, 5, 1)
    _, image = _decoded(thumbnail_uri(pixels, 96, min_side=20))
    assert image.size == (15, 24)
    assert (np.asarray(image) == pixels[:, :, 0].repeat(3, 0).repeat(3, 1)).all()
    assert enlarge(image, 24) is image


def test_the_image_given_is_not_changed_and_metadata_is_left_out():
    image = Image.fromarray(_noise(300, 300, 3))
    image.info["exif"] = b"Exif\0\0secret"
    small = _decoded(thumbnail_uri(image, 96))[1]
    assert image.size == (300, 300)
    assert not small.getexif()


def test_an_array_becomes_an_image():
    assert to_image(_noise(2, 3, 1)).mode == "L"
    assert to_image(_noise(2, 3, 3)).mode == "RGB"


def test_a_data_uri_is_base64():
    assert data_uri(b"\x00\x01", "image/png") == "data:image/png;base64,AAE="
