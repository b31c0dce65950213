"""Makes the small hostile files of this folder again: python tests/data/make_hostile.py"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent / "hostile"
DAY = (2026, 1, 1, 0, 0, 0)


def scene(height: int, width: int) -> np.ndarray:
    """An image whose eight turns all differ: four differing corners on a slope."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 255 // width, y * 255 // height, (x + y) % 64], axis=2)
    image[: height // 4, : width // 4] = (255, 0, 0)
    image[-(height // 4) :, : width // 4] = (0, 255, 0)
    return image.astype(np.uint8)


def png_header(width: int, height: int, content: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", content), chunk(b"IEND", b"")]
    )


def main() -> None:
    HERE.mkdir(exist_ok=True)
    image = Image.fromarray(scene(24, 40))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    whole = file.getvalue()
    (HERE / "truncated.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (HERE / "empty.png").write_bytes(b"")
    (HERE / "page.jpg").write_text("<!DOCTYPE html><html><body>404 not found</body></html>\n")
    rows = zlib.compressobj(9)
    row = b"\0" * (1 + 30_000 // 8)
    bomb = b"".join(rows.compress(row) for _ in range(30_000)) + rows.flush()
    (HERE / "bomb.png").write_bytes(png_header(30_000, 30_000, bomb))
    image.convert("CMYK").save(HERE / "cmyk.jpg", quality=95)
    deep = (np.arange(24 * 40).reshape(24, 40) * 65_535 // (24 * 40 - 1)).astype(np.uint16)
    Image.fromarray(deep).save(HERE / "grey16.png")
    Image.fromarray(deep.astype(np.int32) * 1000 - 7).save(HERE / "grey32.tif")
    Image.fromarray(deep.astype(np.float32) / 65_535).save(HERE / "float.tif")
    palette = image.quantize(16)
    palette.save(HERE / "palette.png", transparency=bytes([0] * 8 + [255] * 8))
    frames = [Image.new("P", (20, 20), value) for value in (0, 1)]
    for frame in frames:
        frame.putpalette([200, 10, 10, 10, 10, 200] + [0] * (3 * 254))
    frames[0].save(HERE / "animated.gif", save_all=True, append_images=frames[1:], duration=100)
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        image.save(HERE / f"turn{turn}.jpg", quality=95, exif=exif)
    Image.new("RGB", (1, 1), (1, 2, 3)).save(HERE / "one.png")
    Image.fromarray(scene(4, 5000)[:3]).save(HERE / "5000x3.png")
    Image.fromarray(scene(24, 40)).convert("1").save(HERE / "bits.png")
    with_alpha = image.convert("RGBA")
    with_alpha.putalpha(Image.fromarray(np.tile(np.arange(40, dtype=np.uint8) * 6, (24, 1))))
    with_alpha.save(HERE / "alpha.png")
    archives(whole)


def archives(image: bytes) -> None:
    def entry(name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, DAY)
        info.compress_type = zipfile.ZIP_DEFLATED
        return info

    with zipfile.ZipFile(HERE / "slip.zip", "w") as file:
        for name in ("../../escaped.jpg", "/tmp/escaped.jpg", "C:/escaped.jpg"):
            file.writestr(entry(name), image)
        for name in ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg"):
            file.writestr(entry(name), image)
    with zipfile.ZipFile(HERE / "bomb.zip", "w") as file:
        file.writestr(entry("cat/1.jpg"), image)
        file.writestr(entry("dog/1.jpg"), image)
        file.writestr(entry("dog/bomb.png"), b"\0" * (2**20 * 16), compresslevel=9)
    # A bomb that lies about its size: the table says 100 bytes.
    content = (HERE / "bomb.zip").read_bytes()
    (HERE / "lying.zip").write_bytes(
        content.replace(struct.pack("<I", 2**20 * 16), struct.pack("<I", 100))
    )


if __name__ == "__main__":
    main()
