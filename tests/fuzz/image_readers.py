"""Image files of every format, and all that decodes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from samples import pixels


def write_images(folder: Path) -> None:
    image = Image.fromarray(pixels(0))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "text" * 20
    image.save(folder / "exif.jpg", exif=exif, icc_profile=b"\0" * 200, comment=b"c" * 99)
    image.save(folder / "progressive.jpg", progressive=True, quality=80)
    image.convert("CMYK").save(folder / "cmyk.jpg")
    info = PngInfo()
    info.add_text("Comment", "x" * 500, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    image.save(folder / "text.png", pnginfo=info, exif=exif)
    image.save(folder / "plain.png")
    image.quantize(16).save(folder / "palette.png", transparency=bytes(range(0, 256, 16)))
    deep = (np.arange(480).reshape(20, 24) * 130).astype(np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.fromarray(deep).save(folder / "deep.tif")
    Image.fromarray(deep.astype(np.float32)).save(folder / "float.tif")
    image.save(folder / "lzw.tif", compression="tiff_lzw", exif=exif)
    image.save(folder / "jpeg.tif", compression="jpeg")
    image.save(folder / "plain.bmp")
    image.quantize(8).save(folder / "rle.bmp")
    frames = [Image.fromarray(pixels(seed)).quantize(8) for seed in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    image.save(folder / "lossy.webp", exif=exif)
    image.save(folder / "lossless.webp", lossless=True)
    Image.fromarray(pixels(0, channels=4)).save(folder / "alpha.webp")
    image.save(folder / "small.avif", quality=50)
    image.save(folder / "moving.png", save_all=True, append_images=[image.rotate(9)])
    image.save(folder / "several.mpo", save_all=True, append_images=[image.rotate(9)])
    try:
        import pillow_heif

        pillow_heif.from_pillow(image).save(folder / "photo.heic")
    except ImportError:
        pass


def read_image(path: Path) -> None:
    from foveal.dataset.scan.image_stats import compute_image_stats
    from foveal.errors import ImageError
    from foveal.images.decode import decode_array
    from foveal.images.file_bytes import read_bytes
    from foveal.images.measure import is_special, measure_pixels
    from foveal.images.resize import to_input_pixels
    from foveal.images.thumbnail import thumbnail_uri
    from foveal.spec.preprocess import Input, Preprocess
    from foveal.studio.pixels import size_of, view
    from foveal.studio.uploads.store import decoded_thumbnail, stored_path

    content = read_bytes(path)
    calls: list[Callable[[], object]] = [
        lambda: decode_array(content, channels=3),
        lambda: decode_array(content, channels=1, min_size=(4, 4)),
        lambda: to_input_pixels(path, Input(height=12, width=10, channels=3), Preprocess()),
        lambda: (stored_path(content), decoded_thumbnail(content), size_of(content), view(content)),
        lambda: thumbnail_uri(decode_array(content, channels=3), 64),
        lambda: compute_image_stats(content, full=True),
        lambda: (is_special(content), measure_pixels(content)),
    ]
    reasons = []
    for call in calls:
        try:
            call()
        except ImageError as error:  # which holds the image by its traceback
            reasons.append(error.reason)
    if reasons:
        raise ImageError(reasons[0])
