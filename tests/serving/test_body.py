"""Multipart bodies are taken apart as other libraries put them together."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.serving.body import parts
from foveal.serving.errors import RequestError

names = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n\0%'), min_size=1).filter(
    lambda text: text == text.strip() and "/" not in text and len(text) < 100
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(names, st.binary(max_size=300)), min_size=1, max_size=8))
def test_what_httpx_sends_is_read_back(sent: list[tuple[str, bytes]]) -> None:
    request = httpx.Request(
        "POST", "http://a", files=[("image", (name, content)) for name, content in sent]
    )
    body = request.read()
    found = parts(body, request.headers["content-type"], 64)
    assert [content for _, content in found] == [content for _, content in sent]
    if all(name.isascii() and name.isprintable() for name, _ in sent):
        assert [name for name, _ in found] == [name for name, _ in sent]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_end_in_parts_or_a_refusal(body: bytes) -> None:
    for text in (body, b"--b\r\n" + body, b"--b\r\n\r\n" + body + b"\r\n--b--\r\n"):
        try:
            assert parts(text, "multipart/form-data; boundary=b", 64)
        except RequestError as failure:
            assert failure.status in (400, 413)


BODY = b'--b\r\ncontent-disposition: form-data; name="p"\r\n\r\nhello\r\n--b--\r\n'


def test_a_part_without_a_file_name_is_a_image_without_a_name() -> None:
    assert parts(BODY, "multipart/form-data; boundary=b", 1) == [(None, b"hello")]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (BODY, "multipart/form-data", 400, "the multipart Content-Type has no boundary"),
        (b"", "multipart/form-data; boundary=b", 400,
         "the multipart body ends before its last boundary"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 400,
         "the multipart body holds no image"),
        (b"--c\r\n", "multipart/form-data; boundary=b", 400,
         "the body is not valid multipart/form-data"),
        (BODY[:-6], "multipart/form-data; boundary=b", 400,
         "the multipart body ends before its last boundary"),
        (BODY, f"multipart/form-data; boundary={'b' * 300}", 400,
         "the body is not valid multipart/form-data"),
        (BODY[:-8] + b"\r\n" + BODY, "multipart/form-data; boundary=b", 413,
         "the multipart body holds more than 1 parts"),
    ],
)  # fmt: skip
def test_refusals(body: bytes, content_type: str, status: int, reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        parts(body, content_type, 1)
    assert (caught.value.status, caught.value.reason) == (status, reason)
