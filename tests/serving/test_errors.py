"""A failed request is a status, a reason and an id."""

from __future__ import annotations

import json

import pytest

from foveal.serving.errors import (
    RequestError,
    error_json,
    error_response,
    make_request_id,
    unavailable,
)


def test_the_json_of_an_error() -> None:
    body = error_json("이유", "id-1", predictions=[])
    assert json.loads(body) == {"error": "이유", "id": "id-1", "predictions": []}
    assert "이유".encode() in body


def test_the_response_to_an_error() -> None:
    response = error_response(RequestError(409, "no", headers={"x-a": "b"}, more=1), "id-1")
    assert response.status_code == 409
    assert response.media_type == "application/json"
    assert response.headers["x-a"] == "b"
    assert json.loads(bytes(response.body)) == {"error": "no", "id": "id-1", "more": 1}


def test_unavailable_says_when_to_try_again() -> None:
    error = unavailable("the queue is full; try again", 5)
    assert (error.status, error.reason) == (503, "the queue is full; try again")
    assert error.headers == {"retry-after": "5"}


def test_a_valid_request_id_is_kept() -> None:
    assert make_request_id(b"mine-1._X") == "mine-1._X"


@pytest.mark.parametrize("header", [None, b"", b"a b", b'a"b', b"x" * 65, b"\xff"])
def test_any_other_is_replaced_by_a_new_one(header: bytes | None) -> None:
    first, second = make_request_id(header), make_request_id(header)
    assert first != second
    assert len(first) == 16
