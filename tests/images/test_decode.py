from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from foveal.errors import ImageError
from foveal.images import decode
from foveal.images.decode import decode_array, open_image

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def read(name: str, channels: int = 3, **more) -> np.ndarray:
    return decode_array(HOSTILE / name, channels=channels, **more)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("truncated.jpg", "truncated: the file ends before the image does"),
        ("empty.png", "empty file"),
        ("page.jpg", "not an image: a web page (HTML); fetch the file again"),
        (
            "bomb.png",
            "900 million pixels take 858 MiB of memory; the limit is 512 MiB: "
            "make the image smaller",
        ),
        (
            "bomb.zip",
            "a .zip archive or Office document, not an image",
        ),
        ("missing.png", "cannot be opened: No such file or directory"),
    ],
)
def test_a_image_that_cannot_be_used_has_its_reason(name: str, reason: str):
    with pytest.raises(ImageError) as error:
        read(name)
    assert error.value.reason == reason


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_turn_gives_the_upright_image(turn: int):
    stored = np.asarray(Image.open(HOSTILE / "turn1.jpg")).astype(int)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored, 1),
    }[turn]
    assert np.array_equal(read(f"turn{turn}.jpg"), upright)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_the_turn_is_applied_in_every_format_once(kind: str):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, :4] = 255
    file = io.BytesIO()
    more = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(image).save(file, kind, exif=exif, **more)
    turned = decode_array(file.getvalue(), channels=3)
    assert turned.shape == (16, 8, 3)
    assert turned[0].mean() > 200 > 50 > turned[-1].mean()


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = read("grey16.png", 1)[..., 0].ravel()
    wanted = np.round((np.arange(960) * 65_535 // 959) / 257)
    assert np.abs(values - wanted).max() <= 1
    assert values.min() == 0
    assert values.max() == 255


@pytest.mark.parametrize("name", ["grey32.tif", "float.tif"])
def test_32_bit_and_float_grey_span_the_range(name: str):
    with Image.open(HOSTILE / name) as image:
        stored = np.asarray(image).astype(float)
    whole = (float(stored.min()), float(stored.max()))
    values = read(name, 1, value_range=whole)[..., 0].ravel().astype(int)
    assert np.abs(values - np.linspace(0, 255, 960)).max() <= 1


def test_transparency_is_laid_over_the_background():
    white = read("alpha.png", background=(255, 255, 255)).astype(int)
    black = read("alpha.png").astype(int)
    assert (white[:, 0] == 255).all()
    assert not black[:, 0].any()
    alpha = np.arange(40) * 6
    assert np.abs((white - black) - (255 - alpha)[None, :, None]).max() <= 2
    assert read("palette.png", background=(9, 8, 7)).shape == (24, 40, 3)
    assert (read("palette.png", background=(9, 8, 7)) == (9, 8, 7)).all(2).any()


def test_cmyk_palettes_and_one_bit_have_the_asked_channels():
    colour = np.asarray(Image.open(HOSTILE / "turn1.jpg")).astype(int)
    assert np.abs(read("cmyk.jpg") - colour).mean() < 12
    assert set(np.unique(read("bits.png"))) == {0, 255}
    for path in sorted(HOSTILE.glob("*.png")):
        if path.name not in ("bomb.png", "empty.png"):
            assert decode_array(path, channels=1).shape[2] == 1


def test_an_animation_gives_its_first_frame():
    assert np.array_equal(np.unique(read("animated.gif").reshape(-1, 3), axis=0), [[200, 10, 10]])


def test_extreme_shapes():
    assert read("one.png").tolist() == [[[1, 2, 3]]]
    assert read("5000x3.png").shape == (3, 5000, 3)


def test_formats_outside_the_list_are_not_tried():
    for kind, reason in (
        ("PPM", "a Netpbm image (PBM, PGM, PPM, PFM): convert it to PNG or JPEG"),
        ("TGA", "a Targa image (TGA): convert it to PNG or JPEG"),
        ("ICO", "a Windows icon (ICO): convert it to PNG or JPEG"),
        ("PDF", "a PDF document: save its pages as images"),
        ("JPEG2000", "a JPEG 2000 image: convert it to PNG or JPEG"),
    ):
        file = io.BytesIO()
        Image.new("RGB", (16, 16)).save(file, kind)
        with pytest.raises(ImageError) as error:
            decode_array(file.getvalue(), channels=3)
        assert error.value.reason == reason


def test_the_preview_of_a_camera_raw_file_is_not_the_image():
    file = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\1\4\0\0"
    tags.tagtype[50706] = 1
    Image.new("RGB", (16, 16)).save(file, "TIFF", tiffinfo=tags)
    with pytest.raises(ImageError) as error:
        open_image(file.getvalue())
    assert error.value.reason == (
        "a camera RAW photo (such as DNG or NEF): develop it to JPEG or TIFF"
    )


def damaged_exif() -> bytes:
    """A PNG whose EXIF data is none."""
    file = io.BytesIO()
    Image.new("RGB", (16, 12)).save(file, "PNG", exif=b"Exif\0\0MM\xff*\0\0\0\x08")
    return file.getvalue()


def without_sampling() -> bytes:
    """A progressive JPEG whose components take no samples."""
    file = io.BytesIO()
    Image.new("L", (16, 12)).save(file, "JPEG", progressive=True)
    content = bytearray(file.getvalue())
    content[content.index(b"\xff\xc2") + 11] = 0
    return bytes(content)


@pytest.mark.parametrize("call", [open_image, lambda content: decode_array(content, channels=3)])
def test_a_jpeg_without_samples_is_damaged(call):
    with pytest.raises(ImageError) as error:
        decode.decode_opened(call(without_sampling()), channels=3)
    assert error.value.reason == "damaged: its content cannot be decoded"


@pytest.mark.parametrize(
    "call",
    [
        lambda content: decode_array(content, channels=3),
        lambda content: decode.upright_size(open_image(content)),
    ],
)
def test_exif_data_that_is_none_is_damaged(call):
    with pytest.raises(ImageError) as error:
        call(damaged_exif())
    assert error.value.reason == "damaged: its content cannot be decoded"


@pytest.mark.realdata
def test_a_jpeg_decoded_smaller_differs_little(realdata):
    """The bound that the documents state: mean 1 level, and it never goes below `least`."""
    from foveal.dataset.open import open_dataset
    from foveal.images.resize import to_input_pixels
    from foveal.spec.preprocess import Input, Preprocess

    photos = open_dataset(realdata("clothing10.zip"))
    size = Input(height=48, width=48)
    gaps = []
    for row in range(0, len(photos), 100):
        content = photos.read(row)
        small = decode_array(content, channels=3, min_size=(96, 96))
        full = decode_array(content, channels=3)
        assert min(small.shape[:2]) >= 96 or small.shape == full.shape
        quick = to_input_pixels(content, size, Preprocess()).astype(int)
        gaps.append(np.abs(quick - to_input_pixels(full, size, Preprocess())))
    assert np.mean(gaps) < 1.0
    assert np.percentile(gaps, 99) <= 4


@pytest.mark.parametrize("seed", range(40))
def test_mutated_files_end_in_a_image_or_a_reason(seed: int):
    random = np.random.default_rng(seed)
    for name in ("turn6.jpg", "palette.png", "grey32.tif", "animated.gif", "alpha.png"):
        content = bytearray((HOSTILE / name).read_bytes())
        for place in random.integers(0, len(content), 8):
            content[place] = random.integers(0, 256)
        try:
            assert decode_array(bytes(content), channels=3).dtype == np.uint8
        except ImageError as error:
            assert error.reason
