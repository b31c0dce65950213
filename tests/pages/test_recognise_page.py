"""The exported page in a real browser: its pixels are the reader's, its answers the Predictor's."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from foveal.exporting.page.browser import BrowserPage, PageFailed, open_page
from foveal.images.resize import to_input_pixels
from foveal.prediction.predictor import Predictor
from foveal.spec.preprocess import Input, Preprocess
from foveal.verbs.export import export

pytestmark = pytest.mark.browser

Pixels = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def exported(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "digits.html"
    return export(digits_run / "model.safetensors", to="page", lang="ko", out=out).path


@pytest.fixture(scope="module")
def page(exported: Path) -> Iterator[BrowserPage]:
    with open_page(exported) as page:
        yield page


@pytest.fixture(scope="module")
def pixels_of(page: BrowserPage) -> Pixels:
    """The input pixels that the page makes of the bytes of an image file."""

    def pixels_of(content: bytes, target: Input, preprocess: Preprocess) -> np.ndarray:
        text = base64.b64encode(content).decode()
        given = {
            "input": dict(zip(("height", "width", "channels"), target.shape, strict=True)),
            "fit": preprocess.fit,
            "crop_fraction": preprocess.crop_fraction,
            "interpolation": preprocess.interpolation,
            "background": preprocess.background,
        }
        answer = page.evaluate(f"foveal.encodedInput('{text}', {json.dumps(given)})")
        return np.frombuffer(base64.b64decode(answer), np.uint8).reshape(target.shape)

    return pixels_of


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(height: int, width: int, channels: int = 3) -> Image.Image:
    rng = np.random.default_rng(height * width)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))


SIZES = ((24, 33), (1, 1), (5, 7), (37, 100), (301, 222), (24, 34), (200, 300), (120, 37), (400, 9))


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("channels", [1, 3])
def test_resampling_is_the_readers_to_the_bit(pixels_of: Pixels, fit: str, channels: int) -> None:
    target = Input(height=24, width=33, channels=channels)
    preprocess = Preprocess(fit=fit, background=(10, 200, 30))
    for height, width in SIZES:
        content = encoded(noise(height, width))
        wanted = to_input_pixels(content, target, preprocess)
        np.testing.assert_array_equal(
            pixels_of(content, target, preprocess), wanted, f"{height} x {width}"
        )


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_images_reach_published_networks_as_in_their_evaluation(
    pixels_of: Pixels, interpolation: str
) -> None:
    target = Input(height=24, width=24, channels=3)
    preprocess = Preprocess(crop_fraction=0.875, interpolation=interpolation)
    for height, width in (*SIZES, (27, 27), (24, 24)):
        content = encoded(noise(height, width))
        wanted = to_input_pixels(content, target, preprocess)
        given = pixels_of(content, target, preprocess)
        np.testing.assert_array_equal(given, wanted, f"{height} x {width}")


def test_random_sizes(pixels_of: Pixels) -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        height, width, rows, columns = (int(rng.integers(1, limit)) for limit in (300, 300, 40, 40))
        fit = ("crop", "pad", "squash")[int(rng.integers(3))]
        preprocess = Preprocess(
            fit=fit,
            crop_fraction=float(rng.uniform(0.3, 1)) if fit == "crop" else 1.0,
            interpolation=("bicubic", "bilinear")[int(rng.integers(2))],
        )
        target = Input(height=rows, width=columns, channels=3)
        content = encoded(noise(height, width))
        np.testing.assert_array_equal(
            pixels_of(content, target, preprocess),
            to_input_pixels(content, target, preprocess),
            f"{height} x {width} to {rows} x {columns}, {preprocess}",
        )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(pixels_of: Pixels, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    content = encoded(image, kind, exif=exif, **options)
    target, preprocess = Input(height=9, width=9, channels=3), Preprocess(fit="pad")
    difference = pixels_of(content, target, preprocess).astype(int) - to_input_pixels(
        content, target, preprocess
    )
    assert np.abs(difference).max() <= (1 if kind == "JPEG" else 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_modes_and_transparency(pixels_of: Pixels, mode: str) -> None:
    target, preprocess = Input(height=20, width=20, channels=3), Preprocess(background=(9, 250, 80))
    image = noise(31, 40, 4 if mode in ("LA", "RGBA") else 3).convert(mode)
    content = encoded(image)
    difference = pixels_of(content, target, preprocess).astype(int) - to_input_pixels(
        content, target, preprocess
    )
    assert np.abs(difference).max() <= (2 if mode in ("LA", "RGBA") else 0)


def test_a_colour_profile_is_not_applied(pixels_of: Pixels) -> None:
    """As in the reader; a browser applies it unless told not to."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    swapped = _profile_with_other_primaries()
    target, preprocess = Input(height=16, width=16, channels=3), Preprocess()
    for icc in (profile, swapped):
        content = encoded(noise(16, 16), icc_profile=icc)
        wanted = to_input_pixels(content, target, preprocess)
        np.testing.assert_array_equal(pixels_of(content, target, preprocess), wanted)


def _profile_with_other_primaries() -> bytes:
    """sRGB with the tags of red and green exchanged, which any colour management shows."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "notAnImage"),
        (b"II*\0" + bytes(40), "notAnImage"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
        (encoded(Image.fromarray(np.full((9, 9), 40000, np.uint16))), "deep"),
    ],
    ids=["empty", "svg", "tiff", "damaged", "16-bit"],
)
def test_no_image_is_substituted(page: BrowserPage, content: bytes, reason: str) -> None:
    text = base64.b64encode(content).decode()
    with pytest.raises(PageFailed) as caught:
        page.evaluate(f"foveal.encodedInput('{text}')")
    assert str(caught.value) == reason
    assert page.evaluate(f"foveal.encodedFile('{text}')") == reason


def test_answers_are_the_predictors(page: BrowserPage, exported: Path, digits: Path) -> None:
    predictor = Predictor(exported)
    for path in sorted(digits.rglob("*.png"))[::20]:
        text = base64.b64encode(path.read_bytes()).decode()
        given = page.evaluate(f"foveal.encodedFile('{text}')")
        np.testing.assert_allclose(given, predictor.predict_proba(path)[0], atol=1e-6)


def test_the_page_as_a_person_uses_it(
    exported: Path, digits: Path, tmp_path: Path, browser: Callable[..., str]
) -> None:
    image = next(digits.rglob("*.png"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    prediction = next(Predictor(exported).predict(image)).to_data()
    browser("recognise.mjs", exported, image, broken, json.dumps(prediction))
