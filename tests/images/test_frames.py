"""Files of several frames or pages, of which the first is read."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.images.decode import decode_opened, open_image
from foveal.images.frames import has_more_frames


def encoded(kind: str, frames: int, **more: object) -> bytes:
    pages = [
        Image.fromarray(np.random.default_rng(n).integers(0, 256, (20, 16, 3)).astype(np.uint8))
        for n in range(frames)
    ]
    file = io.BytesIO()
    if frames > 1:
        more.update(save_all=True, append_images=pages[1:])
    pages[0].save(file, kind, **more)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_a_second_frame_is_found_before_and_after_decoding(kind: str):
    for frames in (1, 2, 5):
        image = open_image(encoded(kind, frames))
        assert has_more_frames(image) is (frames > 1)
        before = image.convert("RGB").tobytes()
        assert has_more_frames(image) is (frames > 1)
        assert image.convert("RGB").tobytes() == before


def test_the_second_image_of_a_photo_is_no_frame():
    assert not has_more_frames(open_image(encoded("MPO", 2)))
    assert not has_more_frames(open_image(encoded("JPEG", 1)))
    assert not has_more_frames(open_image(encoded("BMP", 1)))


def test_a_reduced_copy_in_a_tiff_is_no_page():
    """Two pages, the second of them marked as a preview: tag 254 with bit 0."""
    content = bytearray(encoded("TIFF", 2))
    order = "little" if content[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(content[at : at + size], order)

    first = number(4, 4)
    second = number(first + 2 + 12 * number(first, 2), 4)
    assert has_more_frames(open_image(bytes(content)))
    # The first entry of the second page becomes NewSubfileType = 1 (LONG).
    entry = b"".join(n.to_bytes(s, order) for n, s in ((254, 2), (4, 2), (1, 4), (1, 4)))
    content[second + 2 : second + 14] = entry
    assert not has_more_frames(open_image(bytes(content)))


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_what_is_damaged_after_the_first_frame_is_no_error(kind: str):
    content = encoded(kind, 2)
    found = []
    for cut in range(len(content) // 2, len(content), 37):
        image = open_image(content[:cut])
        with contextlib.suppress(ImageError):
            decode_opened(image, channels=3)
        found.append(has_more_frames(image))
    assert found == sorted(found)  # from some byte of the second frame on it is there
    assert set(found) == {False, True}
