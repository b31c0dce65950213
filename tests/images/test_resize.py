from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.images.resize import to_input_pixels
from foveal.spec.preprocess import Input, Preprocess

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def test_every_route_gives_the_same_bytes():
    size, rule = Input(height=20, width=20), Preprocess()
    for name in ("turn6.jpg", "cmyk.jpg", "grey16.png", "palette.png", "alpha.png"):
        path = HOSTILE / name
        by_path = to_input_pixels(path, size, rule)
        assert by_path.shape == (20, 20, 3)
        assert np.array_equal(by_path, to_input_pixels(path.read_bytes(), size, rule))
        assert np.array_equal(by_path, to_input_pixels(Image.open(path), size, rule))


def test_a_image_of_the_right_size_is_not_touched():
    random = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert np.array_equal(to_input_pixels(random, Input(height=9, width=7), Preprocess()), random)


def test_crop_keeps_the_middle():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    assert (to_input_pixels(wide, Input(height=10, width=10), Preprocess(fit="crop")) == 200).all()


def test_pad_adds_the_background_around():
    wide = np.full((10, 30, 3), 200, np.uint8)
    rule = Preprocess(fit="pad", background=(1, 2, 3))
    padded = to_input_pixels(wide, Input(height=30, width=30), rule)
    assert (padded[10:20] == 200).all()
    assert (padded[:10] == (1, 2, 3)).all()
    assert (padded[20:] == (1, 2, 3)).all()


def test_squash_uses_all_of_it():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 15:] = 200
    squashed = to_input_pixels(wide, Input(height=10, width=10), Preprocess(fit="squash"))
    assert not squashed[:, :3].any()
    assert (squashed[:, -3:] == 200).all()


def resize_and_crop(image: Image.Image, side: int, crop: int, filter: Image.Resampling):
    """The shorter side to `side`, then the centre: what published networks are evaluated with."""
    scale = (side, side * image.height // image.width)
    if image.height < image.width:
        scale = (side * image.width // image.height, side)
    image = image.resize(scale, filter)
    left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("fraction", "crop", "side"),
    [(0.875, 224, 256), (0.882, 240, 272), (0.89, 260, 292), (224 / 236, 224, 236), (0.5, 8, 16)],
)
@pytest.mark.parametrize("size", [(300, 451), (451, 300), (256, 256), (97, 64), (224, 224)])
def test_a_fraction_of_the_shorter_side_is_what_pillow_keeps_in_two_steps(
    interpolation, fraction, crop, side, size
):
    random = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    image = Image.fromarray(random).resize(size, Image.Resampling.BICUBIC)
    rule = Preprocess(crop_fraction=fraction, interpolation=interpolation)
    found = to_input_pixels(image, Input(height=crop, width=crop), rule).astype(int)
    expected = resize_and_crop(image, side, crop, Image.Resampling[interpolation.upper()])
    difference = np.abs(found - expected)  # Pillow rounds between the axes, in an order of its own
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_a_fraction_of_an_input_that_is_no_square():
    wide = np.zeros((20, 80, 3), np.uint8)
    wide[5:15, 30:50] = 200
    rule = Preprocess(crop_fraction=0.5)
    found = to_input_pixels(wide, Input(height=10, width=20), rule)
    assert (found[2:-2, 2:-2] == 200).all()


def test_a_large_jpeg_is_not_decoded_smaller_than_the_resized_image_needs():
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    rule, size = Preprocess(crop_fraction=0.25), Input(height=10, width=10)
    expected = resize_and_crop(Image.open(file), 40, 10, Image.Resampling.BICUBIC)
    found = to_input_pixels(file.getvalue(), size, rule).astype(int)
    assert np.abs(found - expected).max() <= 1


def test_bilinear_where_nothing_is_cropped():
    random = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    image, size = Image.fromarray(random), Input(height=16, width=16)
    rule = Preprocess(fit="squash", interpolation="bilinear")
    expected = np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(to_input_pixels(image, size, rule), expected)
    padded = to_input_pixels(image, size, rule.model_copy(update={"fit": "pad"}))
    expected = np.asarray(image.resize((16, 12), Image.Resampling.BILINEAR))
    assert np.array_equal(padded[2:-2], expected)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("channels", [1, 3])
def test_extreme_shapes_fit(fit: str, channels: int):
    size = Input(height=17, width=33, channels=channels)
    for name in ("one.png", "5000x3.png"):
        assert to_input_pixels(HOSTILE / name, size, Preprocess(fit=fit)).shape == (
            17,
            33,
            channels,
        )
        rule = Preprocess(crop_fraction=0.1)
        assert to_input_pixels(HOSTILE / name, size, rule).shape == (17, 33, channels)


def test_arrays_grey_colour_and_transparent():
    size = Input(height=4, width=4)
    grey = np.full((4, 4), 9, np.uint8)
    assert (to_input_pixels(grey, size, Preprocess()) == 9).all()
    assert (to_input_pixels(grey[..., None], size, Preprocess()) == 9).all()
    clear = np.zeros((4, 4, 4), np.uint8)
    rule = Preprocess(background=(5, 6, 7))
    assert (to_input_pixels(clear, size, rule) == (5, 6, 7)).all()


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (
            np.zeros((4, 4, 3), np.float32),
            "an array must be uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            "not float32 (4, 4, 3)",
        ),
        (np.zeros((4, 4, 2), np.uint8), "an array must have 1, 3 or 4 channels, not 2"),
        (
            np.zeros((1, 140_000_000), np.uint8),
            "140 million pixels take 534 MiB of memory; the limit is 512 MiB: "
            "make the image smaller",
        ),
    ],
)
def test_wrong_arrays(array: np.ndarray, text: str):
    with pytest.raises(ImageError) as error:
        to_input_pixels(array, Input(), Preprocess())
    assert str(error.value) == text


def test_an_opened_image_that_is_truncated_has_its_reason():
    with Image.open(HOSTILE / "truncated.jpg") as opened, pytest.raises(ImageError) as error:
        to_input_pixels(opened, Input(), Preprocess())
    assert error.value.reason == "truncated: the file ends before the image does"


def test_small_jpegs_are_not_decoded_smaller():
    photo = np.asarray(Image.effect_noise((100, 100), 60))
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG")
    full = np.asarray(Image.open(io.BytesIO(file.getvalue())))
    size = Input(height=64, width=64, channels=1)
    assert np.array_equal(
        to_input_pixels(file.getvalue(), size, Preprocess()),
        to_input_pixels(full, size, Preprocess()),
    )
