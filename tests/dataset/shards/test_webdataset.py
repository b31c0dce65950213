"""Keys, images and labels of samples."""

import pytest

from foveal.dataset.shards.webdataset import SampleLabel, choose_image, parse_label, split_key


@pytest.mark.parametrize(
    ("name", "key", "extension"),
    [
        ("0017.jpg", "0017", "jpg"),
        ("a/0017.seg.PNG", "a/0017", "seg.png"),
        ("a.b/0017.cls", "a.b/0017", "cls"),
        ("0017", "0017", ""),
    ],
)
def test_key_and_extension(name, key, extension):
    assert split_key(name) == (key, extension)


def test_the_image_of_a_sample():
    assert choose_image(["jpg", "cls", "json"]) == ("jpg", "")
    assert choose_image(["seg.png", "jpg"]) == ("jpg", "")
    assert choose_image(["left.png", "cls"]) == ("left.png", "")
    assert choose_image(["cls", "txt"]) == (None, "a sample without an image")
    assert choose_image(["png", "jpg"]) == (None, "a sample with several images (jpg, png)")
    assert choose_image([]) == (None, "a sample without an image")


@pytest.mark.parametrize(
    ("extension", "content", "labels"),
    [
        ("cls", b"7\n", ["7"]),
        ("cls", "고양이".encode(), ["고양이"]),
        ("cls", b" ", None),
        ("json", b'{"label": "a|b"}', ["a|b"]),
        ("json", b'{"label": 3}', ["3"]),
        ("json", b'{"labels": ["a", "b"]}', ["a", "b"]),
        ("json", b'{"labels": []}', []),
        ("json", b'{"caption": "a dog"}', None),
    ],
)
def test_labels(extension, content, labels):
    assert parse_label(extension, content).labels == labels


def test_all_that_a_json_says():
    content = (
        b'{"path": "a/1.png", "label": "a", "split": "VALID", "group": 7, "columns": {"x": "1"}}'
    )
    expected = SampleLabel(["a"], "val", "7", "a/1.png", {"x": "1"})
    assert parse_label("json", content) == expected


@pytest.mark.parametrize(
    ("extension", "content", "reason"),
    [
        ("json", b"[1]", "its .json is not an object"),
        ("json", b"{", "its .json cannot be read"),
        ("json", b"[" * 60_000, "its .json cannot be read"),
        ("json", b"\xff", "its .json cannot be read"),
        ("cls", b"\xff", "its .cls cannot be read"),
        ("json", b'{"label": {"a": 1}}', "its label is neither text nor a number"),
        ("json", b'{"label": true}', "its label is neither text nor a number"),
        ("cls", b"1" * 65_537, "a label of more than 65,536 bytes"),
    ],
)
def test_what_is_no_label(extension, content, reason):
    with pytest.raises(ValueError) as info:
        parse_label(extension, content)
    assert str(info.value) == reason
