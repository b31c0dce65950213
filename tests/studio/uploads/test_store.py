"""Uploaded contents: one file each, named by what it is, not by what it was called."""

import io

import pytest
from PIL import Image

from foveal.errors import ImageError, UsageError
from foveal.studio.thumbnails import make_thumbnail
from foveal.studio.uploads.store import store, stored_path


def image(kind, colour=10):
    out = io.BytesIO()
    Image.new("L", (9, 9), colour).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("PNG", "png"),
        ("JPEG", "jpg"),
        ("WEBP", "webp"),
        ("BMP", "bmp"),
        ("GIF", "gif"),
        ("TIFF", "tif"),
    ],
)
def test_the_suffix_is_that_of_the_content(kind, suffix):
    folder, first, name = stored_path(image(kind)).split("/")
    assert (folder, first, name.partition(".")[2]) == ("images", name[:2], suffix)
    assert len(name.partition(".")[0]) == 32


def test_another_content_has_another_name_the_same_the_same():
    assert stored_path(image("PNG")) == stored_path(image("PNG"))
    assert stored_path(image("PNG")) != stored_path(image("PNG", 11))


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload='alert(1)'/>", b"GIF89a", image("PNG")[:45]]
)
def test_what_cannot_be_decoded_is_not_kept(content):
    with pytest.raises(ImageError):
        stored_path(content)
        make_thumbnail(content)


def test_a_content_is_written_once_and_a_damaged_file_again(tmp_path):
    content = image("PNG")
    path = stored_path(content)
    store(tmp_path, path, content)
    first = (tmp_path / path).stat().st_mtime_ns
    store(tmp_path, path, content)
    assert (tmp_path / path).stat().st_mtime_ns == first
    (tmp_path / path).write_bytes(b"x")
    store(tmp_path, path, content)
    assert (tmp_path / path).read_bytes() == content


def test_the_folder_of_a_removed_project_is_not_made_again(tmp_path):
    with pytest.raises(UsageError) as caught:
        store(tmp_path / "gone", "images/ab/abc.png", image("PNG"))
    assert str(caught.value) == "this was removed meanwhile; reload the page"
    assert not (tmp_path / "gone").exists()
