"""Paths that a person types: only images are given away, and each mistake is one sentence."""

import pytest
from PIL import Image

from foveal.errors import UsageError
from foveal.studio.uploads.machine_path import machine_path, read_machine_image


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a cat #1.png"
    Image.new("RGB", (9, 7), (1, 2, 3)).save(path)
    return path


def test_an_image_by_its_path_and_by_its_address(image):
    address = image.as_uri()
    others = (address.replace("//", "//localhost"), address.replace("//", "//[x"))
    for text in (str(image), f"  {image}\n", address, *others):
        assert read_machine_image(text) == image.read_bytes()


def test_the_home_folder_is_known(image, monkeypatch):
    monkeypatch.setenv("HOME", str(image.parent))
    assert machine_path(f"~/{image.name}") == image


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "cat.png",
            "'cat.png' is not a whole path: type it from its root, such as /home/me/images",
        ),
        (
            "https://a.example/cat.png",
            "'https://a.example/cat.png' is not a whole path: type it from its root, such as "
            "/home/me/images",
        ),
        (
            "file://cat.png",
            "'file://cat.png' is not a whole path: type it from its root, such as /home/me/images",
        ),
        ("/a\0b", "the path holds a zero byte: type the path of a file or folder"),
        ("file:///a%00b", "the path holds a zero byte: type the path of a file or folder"),
        (
            "/no/such.png",
            "there is no /no/such.png on the machine that runs the studio; type the whole path of "
            "what lies there",
        ),
    ],
)
def test_what_is_no_path_is_one_sentence(path, sentence):
    with pytest.raises(UsageError) as caught:
        read_machine_image(path)
    assert str(caught.value) == sentence


def test_what_is_no_image_is_not_given_away(tmp_path):
    secret = tmp_path / "id.png"
    secret.write_text("a private key of some length")
    for path in (secret, tmp_path):
        with pytest.raises(UsageError) as caught:
            read_machine_image(str(path))
        assert str(caught.value) == (
            "what lies there is no image that can be read: name a JPEG, PNG, WebP, BMP, GIF, "
            "TIFF, AVIF or (with the extra 'heic') HEIC file"
        )
