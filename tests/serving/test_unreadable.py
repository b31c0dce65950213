"""What was sent instead of an image is named, with the way out."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.serving.unreadable import starts_as_image, unreadable_reason

REASON = "not a supported image format"
DATA_URL = "a data URL, not an image: decode the base64 text behind its comma and send the bytes"
BASE64 = "base64 text, not an image: decode it and send the bytes"
JSON = "JSON, not an image: send the image's bytes; base64 text has to be decoded first"
ADDRESS = "an address, not an image: the server never fetches one; send the image's bytes"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"data:image/png;base64,iVBOR", DATA_URL),
        (b" DATA:,x", DATA_URL),
        (b"https://example.com/a.png", ADDRESS),
        (b"s3://bucket/a.png", ADDRESS),
        (b'{"image": "x"}', JSON),
        (b'\n[{"b64": 1}]', JSON),
        (b"\x1f\x8b\x08", "a gzip file, not an image: send the image uncompressed"),
        (b"this is no image at all", REASON),
        (b"AAAAAAAAAAAAAAAAAAAAAAAA", REASON),
        (b"/etc/passwd", REASON),
        (b"", REASON),
    ],
)
def test_reasons(content: bytes, reason: str) -> None:
    assert unreadable_reason(content, REASON) == reason


def test_an_unknown_body_of_a_form() -> None:
    assert unreadable_reason(b"image=abc", REASON, form=True) == (
        f"{REASON}; the body came as a form: send the image's bytes"
    )


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_any_image(images, encode) -> None:
    assert all(unreadable_reason(encode(image), REASON) == BASE64 for image in images)
    assert unreadable_reason(encode(b"\xff\xd8\xff\xfe" + bytes(40)), REASON) == BASE64


def test_an_image_whose_line_ends_were_changed(images) -> None:
    assert all(starts_as_image(image) for image in images)
    for changed in (images[0].replace(b"\r\n", b"\n"), images[0].replace(b"\n", b"")):
        assert unreadable_reason(changed, REASON).startswith("damaged on its way: line ends")


def test_a_broken_file_sent_whole_keeps_the_reason_of_the_decoder(images) -> None:
    broken = b"\xff\xd8\xff\xe0" + b"\n\r" + bytes(600)  # curl --data-binary says it is a form
    assert unreadable_reason(broken, REASON, form=True) == REASON
    damaged = b"\xff\xd8\xff\xe0" + bytes(600)
    assert unreadable_reason(damaged, REASON, form=True) == (
        "damaged on its way: line ends were removed or changed, as curl -d does; send it with "
        "curl --data-binary @FILE"
    )


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_have_a_reason_on_one_line(content: bytes, form: bool) -> None:
    reason = unreadable_reason(content, REASON, form=form)
    assert reason
    assert "\n" not in reason
