"""Files of images: only below the folder that was added, whatever links say."""

import io

import pytest
from PIL import Image

from foveal.errors import ImageError
from foveal.studio.pixels import read_file, real_file, size_of, view, view_type

OUT = "a symbolic link that leads out of the folder that was added"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "added"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"a")
    (folder / "inside.png").symlink_to("a.png")
    (folder / "out.png").symlink_to("../secret.png")
    (folder / "up").symlink_to("..")
    return folder


def test_files_and_links_inside_are_read(folder):
    assert read_file(folder / "a.png", folder) == b"a"
    assert read_file(folder / "inside.png", folder) == b"a"
    assert real_file(folder / "inside.png", folder) == (folder / "a.png").resolve()


def test_an_added_folder_may_be_a_link_itself(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert read_file(tmp_path / "link" / "a.png", tmp_path / "link") == b"a"


@pytest.mark.parametrize(
    "name", ["out.png", "up/secret.png", "../secret.png", "sub/../../secret.png"]
)
def test_what_leads_out_is_refused(folder, name):
    with pytest.raises(ImageError) as caught:
        read_file(folder / name, folder)
    assert caught.value.reason == OUT


def test_a_folder_whose_name_begins_alike_is_outside(folder, tmp_path):
    (tmp_path / "added2").mkdir()
    (tmp_path / "added2" / "a.png").write_bytes(b"x")
    with pytest.raises(ImageError):
        read_file(tmp_path / "added2" / "a.png", folder)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone.png", "cannot be opened: No such file or directory"), ("sub", "not a regular file")],
)
def test_what_is_no_file_is_one_reason(folder, name, reason):
    with pytest.raises(ImageError) as caught:
        read_file(folder / name, folder)
    assert caught.value.reason == reason


def test_a_view_is_upright_and_without_metadata():
    image, out = Image.new("RGB", (400, 300), (200, 30, 30)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"
    image.save(out, "JPEG", exif=exif)
    assert size_of(out.getvalue()) == (300, 400)
    content = view(out.getvalue())
    shown = Image.open(io.BytesIO(content))
    assert (shown.size, view_type(content)) == ((300, 400), "image/jpeg")
    assert not shown.getexif()
    assert b"where I live" not in content
