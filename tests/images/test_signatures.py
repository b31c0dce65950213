from __future__ import annotations

import gzip
import io
import sys
import types

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import decode_array, open_image
from foveal.images.signatures import HEIC_REASON, is_heic


def box(*brands: bytes) -> bytes:
    body = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (4 + len(body)).to_bytes(4) + body + bytes(400)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()


CONVERT = "convert it to PNG or JPEG"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (box(b"heic", b"mif1", b"heic"), HEIC_REASON),
        (box(b"mif1", b"heic", b"MiHB"), HEIC_REASON),
        (box(b"avif", b"mif1"), "damaged: it begins as an AVIF, but its header cannot be read"),
        (box(b"mp42", b"isom"), "a video (MP4 or QuickTime): extract its frames"),
        (box(b"qt  "), "a video (MP4 or QuickTime): extract its frames"),
        (box(b"crx ", b"isom"), "a camera RAW photo (CR3): develop it to JPEG or TIFF"),
        (gzip.compress(jpeg()), "a gzip-packed file: unpack it with gunzip"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>",
         f"an SVG drawing, which has no pixels: {CONVERT}"),
        (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg/>",
         f"an SVG drawing, which has no pixels: {CONVERT}"),
        (b"\n <!DOCTYPE html><html>404</html>",
         "not an image: a web page (HTML); fetch the file again"),
        (b"<?xml version='1.0'?><Error/>", "not an image: XML text"),
        (bytes(128) + b"DICM" + bytes(50),
         "a DICOM file: convert it to a 16-bit PNG or TIFF"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(80),
         "a camera RAW photo (CR2): develop it to JPEG or TIFF"),
        (b"PK\3\4" + bytes(60), "a .zip archive or Office document, not an image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), f"a JPEG 2000 image: {CONVERT}"),
        (b"\xff\x0a" + bytes(50), f"a JPEG XL image: {CONVERT}"),
        (b"8BPS\0\1" + bytes(50), f"a Photoshop document (PSD): {CONVERT}"),
        (b"P6\n16 16\n255\n" + bytes(768),
         f"a Netpbm image (PBM, PGM, PPM, PFM): {CONVERT}"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
         "not an image: a Git LFS pointer; fetch the file with git lfs pull"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "macOS metadata (AppleDouble), not an image"),
        (bytes(4096), "not an image: zero bytes only, as an interrupted copy leaves"),
        (b"{\"error\": 404}",
         "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC), but text "
         "that starts with '{\"error\": 404}'"),
        (b"\xff\xd8\xff\xe0" + bytes(9),
         "damaged: it begins as a JPEG, but its header cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9),
         "damaged: it begins as a PNG, but its header cannot be read"),
        (bytes(range(1, 32)) * 9,
         "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC)"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_read_is_named(content: bytes, reason: str, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError) as error:
        open_image(content)
    assert error.value.reason == reason


def test_avif_is_no_heic():
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 9, 9)).save(file, "AVIF")
    assert not is_heic(file.getvalue())
    assert decode_array(file.getvalue(), channels=3).shape == (16, 16, 3)


def test_a_heic_photo_is_read_where_the_extra_is():
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    file = io.BytesIO()
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, 32:] = 255
    heif.from_pillow(Image.fromarray(wide)).save(file, quality=90)
    pixels = decode_array(file.getvalue(), channels=3)
    assert np.abs(pixels.astype(int) - wide).mean() < 4


def test_a_damaged_heic_photo_has_its_reason(monkeypatch):
    module = types.SimpleNamespace(register_heif_opener=lambda: None)
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    monkeypatch.setitem(Image.OPEN, "HEIF", (lambda *_: None, lambda _: False))
    with pytest.raises(ImageError) as error:
        open_image(box(b"heic", b"mif1"))
    assert error.value.reason == (
        "damaged: it begins as a HEIC photo, but its header cannot be read"
    )
