"""JSON in and out: one sentence for what is wrong, and names that are no text."""

import json

import pytest

from foveal.studio.responses import json_response, small_number


def test_names_that_are_no_text_become_escapes():
    body = json_response({"name": "a\udcff<고>"}).body
    assert body == '{"name":"a\\udcff<고>"}'.encode()
    assert json.loads(body) == {"name": "a\udcff<고>"}


def test_a_number_that_is_not_finite_is_a_bug():
    with pytest.raises(ValueError):
        json_response({"loss": float("nan")})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{}", "name: Field required"),
        (b'{"name": 3}', "name: Input should be a valid string"),
        (b'{"name": "x", "path": "/etc"}', "path: Extra inputs are not permitted"),
        (
            b"[]",
            "the body is not as this path needs it: Input should be an object",
        ),
    ],
)
def test_a_wrong_body_is_one_sentence(studio, body, sentence):
    headers = {"content-type": "application/json"}
    answer = studio.client.post("/api/projects", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (422, sentence)


def test_files_are_not_taken_where_json_is_wanted(studio):
    headers = {"content-type": "application/octet-stream"}
    answer = studio.client.post("/api/projects", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (415, "this path takes application/json")


def test_a_body_that_is_too_large_is_refused(studio):
    def chunks():
        for _ in range(17):
            yield b" " * (1 << 20)

    headers = {"content-type": "application/json"}
    answer = studio.client.post("/api/projects", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"] == "the body is larger than 16,777,216 bytes"


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5000, None)]
    + [(text, None) for text in ("", "-1", "1.5", "٣", "²", "1_0", " 1", "x")],
)
def test_whole_numbers_of_an_address(text, number):
    assert small_number(text) == number


def test_a_number_beyond_all_floats_is_refused(studio):
    path, headers = studio.project("numbers"), {"content-type": "application/json"}
    answer = studio.client.post(f"{path}/design", content=b'{"minutes": 1e999}', headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "minutes: Input should be a finite number",
    )
