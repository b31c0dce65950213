"""Bodies have limits, and multipart is parsed as other libraries write it."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from foveal.serving.body import BodyReader, Part, body_format, parse_multipart
from foveal.serving.errors import RequestError
from foveal.serving.settings import ServerLimits

filenames = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\\r\n\0%'), min_size=1
).filter(lambda text: text == text.strip() and "/" not in text and len(text) < 100)


def request(*chunks: bytes, **headers: str) -> Request:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw}, receive)


def read(reader: BodyReader, incoming: Request) -> tuple[bytes, int]:
    async def main() -> tuple[bytes, int]:
        async with reader.read(incoming) as body:
            return body, reader.buffered_bytes

    return asyncio.run(main())


def test_a_body_counts_as_buffered_while_it_is_used() -> None:
    reader = BodyReader(ServerLimits(body_bytes=10))
    assert read(reader, request(b"hel", b"lo", content_length="5")) == (b"hello", 5)
    assert reader.buffered_bytes == 0
    assert read(reader, request()) == (b"", 0)


@pytest.mark.parametrize(
    ("chunks", "headers", "status", "reason"),
    [
        ([b"x" * 11], {}, 413, "the body is larger than 10 bytes"),
        ([], {"content_length": "11"}, 413, "the body is larger than 10 bytes"),
        ([], {"content_length": "-1"}, 400, "Content-Length is not a number"),
        ([b"x"], {"content_length": "2"}, 400, "the body is shorter than its Content-Length"),
    ],
)
def test_rejected_bodies(chunks, headers, status: int, reason: str) -> None:
    reader = BodyReader(ServerLimits(body_bytes=10))
    with pytest.raises(RequestError) as caught:
        read(reader, request(*chunks, **headers))
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert reader.buffered_bytes == 0


def test_compressed_bodies_are_rejected_with_the_reason() -> None:
    reader = BodyReader(ServerLimits())
    with pytest.raises(RequestError) as caught:
        read(reader, request(b"x", content_encoding="GZIP"))
    assert (caught.value.status, caught.value.reason, caught.value.headers) == (
        415,
        "Content-Encoding 'gzip' is not supported: send the body uncompressed; image files are "
        "compressed already",
        {"accept-encoding": "identity"},
    )
    assert read(reader, request(b"x", content_encoding="identity"))[0] == b"x"


def test_all_bodies_together_have_a_limit(local, images) -> None:
    limits = {"buffered_bytes": 1_000_000, "receive_seconds": 20}
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 700000\r\n\r\n"
    with local(limits=limits) as server:
        server.connect(head + b"x" * 600_000)
        while server.state.body_reader.buffered_bytes < 500_000:
            time.sleep(0.01)
        response = httpx.post(f"{server.url}/predict", content=b"x" * 600_000, timeout=60)
        assert response.status_code == 503
        assert response.json()["error"] == "too many request bodies are in memory; try again"
        assert httpx.post(f"{server.url}/predict", content=images[0], timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("", "image"),
        ("image/png", "image"),
        ("Image/X-Unknown; q=1", "image"),
        ("application/octet-stream; x=y", "image"),
        ("application/x-www-form-urlencoded", "image"),
        ("multipart/form-data; boundary=b", "multipart"),
    ],
)
def test_body_formats(content_type: str, expected: str) -> None:
    assert body_format(request(content_type=content_type)) == expected


@pytest.mark.parametrize("content_type", ["application/json", "text/html", "multipart/mixed"])
def test_other_content_types_are_rejected(content_type: str) -> None:
    with pytest.raises(RequestError) as caught:
        body_format(request(content_type=content_type))
    assert (caught.value.status, caught.value.reason) == (
        415,
        f"unsupported Content-Type '{content_type}': send the bytes of one image as image/* or "
        "application/octet-stream, or several images as multipart/form-data; base64 text and data "
        "URLs have to be decoded first",
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(filenames, st.binary(max_size=300)), min_size=1, max_size=8))
def test_what_httpx_sends_is_read_back(sent: list[tuple[str, bytes]]) -> None:
    outgoing = httpx.Request(
        "POST", "http://a", files=[("image", (name, content)) for name, content in sent]
    )
    parts = parse_multipart(outgoing.read(), outgoing.headers["content-type"], 64)
    assert [part.content for part in parts] == [content for _, content in sent]
    if all(name.isascii() and name.isprintable() for name, _ in sent):
        assert [part.filename for part in parts] == [name for name, _ in sent]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_end_in_parts_or_an_error(body: bytes) -> None:
    for text in (body, b"--b\r\n" + body, b"--b\r\n\r\n" + body + b"\r\n--b--\r\n"):
        try:
            assert parse_multipart(text, "multipart/form-data; boundary=b", 64)
        except RequestError as error:
            assert error.status in (400, 413)


WITH_BOUNDARY = "multipart/form-data; boundary=b"
BODY = b'--b\r\ncontent-disposition: form-data; name="p"\r\n\r\nhello\r\n--b--\r\n'


def parts_of(disposition: str, content: bytes) -> list[Part]:
    head = f"--b\r\ncontent-disposition: form-data; {disposition}\r\n\r\n".encode()
    return parse_multipart(head + content + b"\r\n--b--\r\n", WITH_BOUNDARY, 1)


def test_fields_of_a_form_are_told_from_files() -> None:
    assert parts_of('name="note"', b"my cat") == [Part(None, b"my cat", "note", is_file=False)]
    empty_input = 'name="p"; filename=""'
    assert parts_of(empty_input, b"") == [Part("", b"", "p", is_file=False)]
    assert parts_of(empty_input, b"x") == [Part("", b"x", "p")]
    assert parts_of('name="p"; filename="a"', b"") == [Part("a", b"", "p")]


def test_an_image_without_a_file_name_is_a_file_without_a_name(images) -> None:
    assert parts_of('name="p"', images[0]) == [Part(None, images[0], "p")]
    typed = 'name="p"\r\ncontent-type: image/webp'
    assert parts_of(typed, b"x") == [Part(None, b"x", "p")]


INVALID = "the body is not valid multipart/form-data"
CUT_OFF = "the multipart body ends before its last boundary"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (BODY, "multipart/form-data", 400, "the multipart Content-Type has no boundary"),
        (b"", WITH_BOUNDARY, 400, CUT_OFF),
        (b"--b--\r\n", WITH_BOUNDARY, 400, "the multipart body has no parts"),
        (b"--c\r\n", WITH_BOUNDARY, 400, INVALID),
        (BODY[:-6], WITH_BOUNDARY, 400, CUT_OFF),
        (BODY, f"multipart/form-data; boundary={'b' * 300}", 400, INVALID),
        (
            BODY[:-8] + b"\r\n" + BODY,
            WITH_BOUNDARY,
            413,
            "the multipart body has more than 1 parts",
        ),
    ],
)
def test_rejected_multipart(body: bytes, content_type: str, status: int, reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_multipart(body, content_type, 1)
    assert (caught.value.status, caught.value.reason) == (status, reason)
