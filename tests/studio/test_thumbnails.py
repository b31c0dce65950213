"""Thumbnails: made once, made again where the file changed, kept where it is gone."""

import contextlib
import io
import os
import sqlite3

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.studio.thumbnails import FILE, SIDE, Thumbnails, encode_thumbnail, encode_view


def photo(size, seed=0):
    """Smooth colours, as photographs have."""
    levels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.png"
    photo((300, 200)).save(path)
    return path


def test_a_thumbnail_is_made_once_and_outlives_a_restart(tmp_path, file):
    reads = []

    def read():
        reads.append(1)
        return file.read_bytes()

    thumbnails = Thumbnails(tmp_path)
    first = thumbnails.get_or_make(7, file, read)
    assert thumbnails.get_or_make(7, file, read) == first
    thumbnails.close()
    again = Thumbnails(tmp_path)
    assert again.get_or_make(7, file, read) == first
    assert len(reads) == 1
    again.close()
    shown = Image.open(io.BytesIO(first))
    assert (shown.format, shown.size) == ("WEBP", (128, 85))


def test_a_file_that_changed_gets_another_one_that_is_gone_keeps_the_last(tmp_path, file):
    thumbnails = Thumbnails(tmp_path)
    first = thumbnails.get_or_make(7, file, file.read_bytes)
    photo((300, 200), 1).save(file)
    os.utime(file, (1, 1))
    second = thumbnails.get_or_make(7, file, file.read_bytes)
    assert second != first
    file.unlink()
    assert thumbnails.get_or_make(7, file, file.read_bytes) == second
    thumbnails.close()


def test_a_file_that_cannot_be_read_is_one_reason(tmp_path):
    thumbnails = Thumbnails(tmp_path)
    with pytest.raises(ImageError) as caught:
        thumbnails.get_or_make(1, tmp_path / "a.png", lambda: b"GIF89a nothing")
    assert caught.value.reason
    thumbnails.close()


@pytest.mark.parametrize("content", [b"no database" * 1000, b""])
def test_a_damaged_file_is_made_again(tmp_path, file, content):
    (tmp_path / FILE).write_bytes(content)
    thumbnails = Thumbnails(tmp_path)
    first = thumbnails.get_or_make(7, file, file.read_bytes)
    thumbnails.close()
    again = Thumbnails(tmp_path)
    assert again.get(7, "") == first
    again.close()


@pytest.mark.parametrize("kept", [b"", b"RIFF", 7, "text", None])
def test_a_thumbnail_that_was_changed_is_made_again(tmp_path, file, kept):
    thumbnails = Thumbnails(tmp_path)
    first = thumbnails.get_or_make(7, file, file.read_bytes)
    thumbnails.close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        database.execute("UPDATE thumbnail SET content = ?", (kept,))
    again = Thumbnails(tmp_path)
    assert again.get(7, "") is None
    assert again.get_or_make(7, file, file.read_bytes) == first
    assert again.get(7, "") == first
    again.close()


def test_where_no_file_can_be_written_they_are_kept_in_memory(tmp_path, file):
    (tmp_path / FILE / "x").mkdir(parents=True)
    thumbnails = Thumbnails(tmp_path)
    first = thumbnails.get_or_make(7, file, file.read_bytes)
    assert thumbnails.get(7, "") == first
    thumbnails.close()


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (28, 20)])
def test_small_images_keep_every_pixel(size):
    image = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    )
    shown = Image.open(io.BytesIO(encode_thumbnail(image)))
    np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), np.asarray(image))


@pytest.mark.parametrize("size", [(4000, 10), (10, 4000), (129, 1), (128, 128)])
def test_the_longer_side_is_at_most_128_pixels(size):
    shown = Image.open(io.BytesIO(encode_thumbnail(photo(size))))
    assert max(shown.size) <= SIDE
    assert min(shown.size) >= 1


@pytest.mark.parametrize(("size", "kind"), [((200, 200), "PNG"), ((900, 500), "JPEG")])
def test_a_view_is_png_where_small(size, kind):
    shown = Image.open(io.BytesIO(encode_view(photo(size), 600)))
    assert shown.format == kind
    assert max(shown.size) <= 600
