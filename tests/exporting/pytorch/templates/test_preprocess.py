"""preprocess.py gives the pixels of foveal.images to the bit, or says in one sentence why not."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foveal.errors import ImageError
from foveal.exporting.pytorch.templates import preprocess as template
from foveal.images.resize import to_input_pixels
from foveal.spec.preprocess import Input, Preprocess

HOSTILE = Path(__file__).parents[3] / "data" / "hostile"
FILES = sorted(path for path in HOSTILE.iterdir() if path.is_file())
NOT_READ = {
    "empty.png": "empty file",
    "bomb.png": (
        "cannot be decoded: Image size (900000000 pixels) exceeds limit of 536870912 pixels, "
        "could be decompression bomb DOS attack."
    ),
    "float.tif": "more than 8 bits, and no RANGE of its values: convert it to 8 bits",
    "grey32.tif": "more than 8 bits, and no RANGE of its values: convert it to 8 bits",
    **dict.fromkeys(
        ("bomb.zip", "lying.zip", "page.jpg", "slip.zip"),
        "none of the formats JPEG, PNG, WEBP, BMP, GIF, TIFF, AVIF",
    ),
}


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[[Input, Preprocess], ModuleType]:
    """Give the template the values of a model."""

    def set_values(size: Input, rule: Preprocess) -> ModuleType:
        for name, value in {
            "HEIGHT": size.height,
            "WIDTH": size.width,
            "CHANNELS": size.channels,
            "FIT": rule.fit,
            "CROP_FRACTION": rule.crop_fraction,
            "INTERPOLATION": rule.interpolation,
            "BACKGROUND": rule.background,
            "RANGE": rule.range,
        }.items():
            monkeypatch.setattr(template, name, value)
        return template

    return set_values


def encode(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(*shape: int, dtype: type = np.uint8, high: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, uint16 (H, W, C) with C 2, 3 or 4, which Pillow cannot write."""
    import zlib

    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    colour = {2: 4, 3: 2, 4: 6}[channels]
    head = width.to_bytes(4) + height.to_bytes(4) + bytes([16, colour, 0, 0, 0])
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@functools.cache
def zoo() -> dict[str, bytes]:
    """Files of every mode."""
    colour = Image.fromarray(noise(37, 53, 3))
    rgba = Image.fromarray(noise(37, 53, 4))
    palette = colour.quantize(16)
    exif = Image.Exif()
    exif[274] = 6
    deep = noise(37, 53, dtype=np.uint16, high=65536)
    return {
        "L": encode(colour.convert("L")),
        "1": encode(colour.convert("1")),
        "LA": encode(rgba.convert("LA")),
        "P": encode(palette),
        "P with transparency": encode(palette, transparency=bytes([0, 90, 255])),
        "L with a transparent colour": encode(colour.convert("L"), transparency=7),
        "RGB with a transparent colour": encode(colour, transparency=(1, 2, 3)),
        "RGB": encode(colour),
        "RGBA": encode(rgba),
        "RGB turned": encode(colour, exif=exif),
        "16-bit grey": encode(Image.fromarray(deep)),
        "16-bit colour": png16(noise(19, 23, 3, dtype=np.uint16, high=65536)),
        "16-bit RGBA": png16(noise(19, 23, 4, dtype=np.uint16, high=65536)),
        "16-bit LA": png16(noise(19, 23, 2, dtype=np.uint16, high=65536)),
        "JPEG": encode(colour, "JPEG", quality=90),
        "JPEG progressive": encode(colour, "JPEG", progressive=True, subsampling=0),
        "JPEG grey": encode(colour.convert("L"), "JPEG"),
        "JPEG CMYK": encode(colour.convert("CMYK"), "JPEG"),
        "JPEG turned": encode(colour, "JPEG", exif=exif),
        "JPEG large": encode(Image.fromarray(noise(9, 8, 3)).resize((900, 1100)), "JPEG"),
        "WebP": encode(rgba, "WEBP", lossless=True),
        "BMP": encode(colour, "BMP"),
        "GIF": encode(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
        "TIFF": encode(colour, "TIFF"),
        "TIFF turned": encode(colour, "TIFF", tiffinfo={274: 8}),
        "TIFF CMYK": encode(colour.convert("CMYK"), "TIFF"),
        "TIFF LZW RGBA": encode(rgba, "TIFF", compression="tiff_lzw"),
    }


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(24, 24), (40, 16), (37, 53), (96, 80)])
def test_every_mode_and_fit(configure, fit: str, channels: int, size: tuple[int, int]) -> None:
    shape = Input(height=size[0], width=size[1], channels=channels)
    rule = Preprocess(fit=fit, background=(200, 30, 90))
    read = configure(shape, rule).load_pixels
    for name, content in zoo().items():
        expected = to_input_pixels(content, shape, rule)
        np.testing.assert_array_equal(read(content), expected, err_msg=name)


@pytest.mark.parametrize("fraction", [0.875, 0.3])
@pytest.mark.parametrize("size", [(24, 24), (40, 16), (96, 80)])
def test_a_crop_fraction_and_bilinear(configure, fraction: float, size: tuple[int, int]) -> None:
    shape = Input(height=size[0], width=size[1])
    rule = Preprocess(crop_fraction=fraction, interpolation="bilinear")
    read = configure(shape, rule).load_pixels
    for name, content in zoo().items():
        expected = to_input_pixels(content, shape, rule)
        np.testing.assert_array_equal(read(content), expected, err_msg=name)


@pytest.mark.parametrize("value_range", [(0.0, 4095.0), (100.0, 60000.0), (0.0, 65535.0)])
def test_a_value_range(configure, value_range: tuple[float, float]) -> None:
    shape, rule = Input(height=20, width=20, channels=1), Preprocess(range=value_range)
    read = configure(shape, rule).load_pixels
    deep = noise(30, 20, dtype=np.uint16, high=5000)
    floats = noise(30, 20).astype(np.float32) * 20
    floats[3, 4], floats[5, 6] = np.nan, np.inf
    files = (
        encode(Image.fromarray(deep)),
        encode(Image.fromarray(deep), "TIFF"),
        encode(Image.fromarray(deep.astype(np.int32) - 70), "TIFF"),
        encode(Image.fromarray(floats), "TIFF"),
    )
    for content in files:
        np.testing.assert_array_equal(read(content), to_input_pixels(content, shape, rule))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_hostile_files(configure, path: Path) -> None:
    shape, rule = Input(height=16, width=24), Preprocess()
    read = configure(shape, rule).load_pixels
    if path.name not in (*NOT_READ, "truncated.jpg"):
        np.testing.assert_array_equal(read(path), to_input_pixels(path, shape, rule))
        return
    with pytest.raises(template.UnreadableImage) as caught:
        read(path)
    if path.name in NOT_READ:
        assert str(caught.value) == NOT_READ[path.name]
    else:
        assert str(caught.value).startswith("cannot be decoded: image file is truncated (")
    with pytest.raises(ImageError):
        to_input_pixels(path, shape, rule)


def deep_tiff_colour() -> bytes:
    """A TIFF of 2x2 pixels of 16-bit RGB, written by hand: Pillow writes none."""
    import struct

    data = noise(2, 2, 3, dtype=np.uint16, high=65536).astype("<u2").tobytes()
    tags = [
        (256, 3, 1, 2),
        (257, 3, 1, 2),
        (258, 3, 3, 8 + 2 + 9 * 12 + 4),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8 + 2 + 9 * 12 + 4 + 6),
        (277, 3, 1, 3),
        (278, 3, 1, 2),
        (279, 4, 1, len(data)),
    ]
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", len(tags))
        + table
        + bytes(4)
        + struct.pack("<3H", 16, 16, 16)
        + data
    )


def white_is_zero() -> bytes:
    """16-bit grey with 0 for white."""
    content = encode(Image.fromarray(noise(6, 5, dtype=np.uint16, high=65536)), "TIFF")
    at = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # PhotometricInterpretation 1
    return content[: at + 8] + b"\0" + content[at + 9 :]


@pytest.mark.parametrize(
    ("content", "value_range", "reason"),
    [
        (
            encode(Image.fromarray(noise(9, 9, dtype=np.uint16, high=4096) | 4095)),
            None,
            "16-bit values up to 4095 only, and no RANGE of them: convert it to 8 bits",
        ),
        (
            encode(Image.fromarray(noise(9, 9, dtype=np.uint16, high=65536)), "TIFF"),
            None,
            "more than 8 bits, and no RANGE of its values: convert it to 8 bits",
        ),
        (
            png16(noise(9, 9, 3, dtype=np.uint16, high=65536)),
            (0.0, 4095.0),
            "16 bits a colour, to which RANGE is not applied: use 8 bits",
        ),
        (
            png16(noise(9, 9, 4, dtype=np.uint16, high=4096)),
            None,
            "16-bit colour that uses less than 15 bits and would be nearly black",
        ),
        (
            deep_tiff_colour(),
            None,
            "a TIFF of 16 bits a colour: save it as PNG or with 8 bits",
        ),
        (
            white_is_zero(),
            (0.0, 65535.0),
            "a TIFF of more than 8 bits with 0 for white: save it as PNG",
        ),
    ],
)
def test_what_is_not_supported(configure, content: bytes, value_range, reason: str) -> None:
    read = configure(Input(height=8, width=8), Preprocess(range=value_range)).load_pixels
    from foveal.images.decode import open_image

    open_image(content)  # lets Pillow open what the last file is
    with pytest.raises(template.UnreadableImage) as caught:
        read(content)
    assert str(caught.value) == reason


def test_a_camera_raw_photo(configure) -> None:
    content = encode(Image.fromarray(noise(9, 9, 3)), "TIFF", tiffinfo={50706: b"\1\4\0\0"})
    with pytest.raises(template.UnreadableImage) as caught:
        configure(Input(height=8, width=8), Preprocess()).load_pixels(content)
    assert str(caught.value) == "a camera RAW photo: develop it to JPEG or TIFF"


def test_files_that_are_none(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.png")
    for path, reason in (
        (tmp_path / "pipe.png", "not a regular file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "gone.png", "cannot be opened: No such file or directory"),
    ):
        with pytest.raises(template.UnreadableImage) as caught:
            template.load_pixels(path)
        assert str(caught.value) == reason


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    fit=st.sampled_from(["crop", "pad", "squash"]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    image=st.tuples(st.integers(1, 120), st.integers(1, 120)),
)
def test_any_size(data, fit: str, size: tuple[int, int], image: tuple[int, int]) -> None:
    channels = data.draw(st.sampled_from([1, 3]))
    form = data.draw(st.sampled_from(["PNG", "JPEG"]))
    content = encode(Image.fromarray(noise(*image, 3, seed=sum(image))), form)
    shape, rule = Input(height=size[0], width=size[1], channels=channels), Preprocess(fit=fit)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HEIGHT": size[0], "WIDTH": size[1], "CHANNELS": channels}.items():
            patch.setattr(template, name, value)
        patch.setattr(template, "FIT", fit)
        pixels = template.load_pixels(content)
    np.testing.assert_array_equal(pixels, to_input_pixels(content, shape, rule))
