"""Statistics of one image."""

import io

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.scan import image_stats
from foveal.dataset.scan.image_stats import (
    compute_image_stats,
    content_hash,
    file_format,
    is_drawing,
    is_grey,
    sharpness,
)
from foveal.errors import ImageError
from foveal.images.decode import IMAGE_FORMATS, open_image


def encoded(pixels, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_the_measures_of_a_coloured_image():
    pixels = noise(70, 90, 3)
    content = encoded(pixels)
    stats = compute_image_stats(content, full=True)
    assert (stats.width, stats.height) == (90, 70)
    assert stats.content_hash == content_hash(content)
    assert stats.thumbnail.shape == (32, 32)
    measures = stats.measures
    assert len(measures) == image_stats.N_MEASURES
    assert measures[image_stats.IS_GREY] == 0
    assert IMAGE_FORMATS[int(measures[image_stats.FORMAT_INDEX])] == "PNG"
    assert measures[image_stats.FILE_BYTES] == len(content)
    levels = np.asarray(Image.fromarray(pixels).convert("L"), float)
    assert measures[image_stats.BRIGHTNESS] == pytest.approx(levels.mean())
    assert measures[image_stats.CONTRAST] == pytest.approx(levels.std())
    assert measures[image_stats.LEVEL_P1] == pytest.approx(np.percentile(levels, 1), abs=1)
    assert measures[image_stats.LEVEL_P99] == pytest.approx(np.percentile(levels, 99), abs=1)
    assert measures[image_stats.SHARPNESS] > 1
    assert measures[image_stats.RED] == pytest.approx(pixels[..., 0].mean(), abs=3)


def test_without_full_brightness_to_sharpness_are_zero():
    measures = compute_image_stats(encoded(noise(70, 90, 3))).measures
    assert measures[image_stats.BRIGHTNESS : image_stats.SHARPNESS + 1] == (0.0,) * 5


def test_a_small_image_has_no_thumbnail():
    stats = compute_image_stats(encoded(noise(31, 90, 3)))
    assert stats.thumbnail is None
    assert stats.measures[image_stats.RED :] == (0.0,) * 5


def test_grey_is_the_same_pixels_in_every_format():
    grey = noise(40, 40)
    hashes = {
        compute_image_stats(content).pixel_hash
        for content in (encoded(grey), encoded(np.stack([grey] * 3, -1), "BMP"))
    }
    assert len(hashes) == 1
    assert compute_image_stats(encoded(grey.T)).pixel_hash not in hashes


def test_is_grey():
    assert is_grey(Image.new("L", (3, 3)))
    assert is_grey(Image.new("RGB", (3, 3), (7, 7, 7)))
    late = Image.new("RGB", (3, 3), (7, 7, 7))
    late.putpixel((2, 2), (7, 7, 8))
    assert not is_grey(late)


def test_size_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    stats = compute_image_stats(encoded(noise(40, 50, 3), "JPEG", exif=exif))
    assert (stats.width, stats.height) == (40, 50)


def test_sharpness_falls_with_blur_and_is_infinite_where_undefined():
    pixels = Image.fromarray(noise(80, 80))
    blurred = pixels.resize((20, 20)).resize((80, 80))
    assert sharpness(np.asarray(blurred)) < sharpness(np.asarray(pixels)) / 2
    assert sharpness(noise(63, 200)) == float("inf")
    assert sharpness(np.full((80, 80), 9, np.uint8)) == float("inf")


def test_a_drawing_is_ink_on_paper():
    page = np.full((100, 100), 250, np.uint8)
    page[40:60, 20:80] = 5
    assert is_drawing(np.bincount(page.ravel(), minlength=256))
    assert not is_drawing(np.bincount(noise(100, 100).ravel(), minlength=256))
    assert not is_drawing(np.bincount(np.full(100, 250), minlength=256))


def test_the_format_is_that_of_the_content():
    assert file_format(open_image(encoded(noise(4, 4, 3), "JPEG"))) == "JPEG"
    with pytest.raises(ImageError):
        compute_image_stats(b"")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_further_frames_are_found_and_change_nothing_else(kind: str, mode: str):
    first = Image.fromarray(noise(40, 50)).convert(mode)
    pages = [first.rotate(180 * turn) for turn in range(3)]
    files = []
    for more in ({}, {"save_all": True, "append_images": pages[1:]}):
        file = io.BytesIO()
        pages[0].save(file, kind, lossless=True, **more)
        files.append(file.getvalue())
    one, several = (compute_image_stats(content, full=True) for content in files)
    assert (one.measures[image_stats.HAS_MORE_FRAMES], several.measures[-1]) == (0.0, 1.0)
    assert one.pixel_hash == several.pixel_hash
    assert np.array_equal(one.thumbnail, several.thumbnail)
    assert compute_image_stats(files[1]).measures[-1] == 0.0
