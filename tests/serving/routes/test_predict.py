"""Predictions over HTTP are those of the Predictor to the bit; errors have a reason and an id."""

from __future__ import annotations

import gzip
import io
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from foveal.prediction.predictor import Predictor
from foveal.serving.routes import predict

MODELS = ("animals", "animals-fast")


@pytest.fixture(scope="module")
def predictors(model: Path, exported: Path) -> dict[str, Predictor]:
    return dict(zip(MODELS, (Predictor(model), Predictor(exported)), strict=True))


def expected(predictor: Predictor, content: bytes, path: str | None = None, top: int = 5):
    return next(predictor.predict(content, top=top)).to_data() | {"path": path}


@pytest.mark.parametrize("name", MODELS)
def test_an_image_is_predicted_as_the_predictor_does(client, predictors, images, name):
    for content in images[:10]:
        response = client.post(f"/predict?model={name}", content=content)
        assert response.status_code == 200
        assert response.json() == expected(predictors[name], content)


@pytest.mark.parametrize("name", MODELS)
def test_concurrent_requests_change_no_bit(server, predictors, images, name) -> None:
    def post(content: bytes):
        with httpx.Client(base_url=server.url, timeout=30) as own_client:
            return [
                own_client.post(f"/predict?model={name}", content=content).json() for _ in range(5)
            ]

    with ThreadPoolExecutor(16) as pool:
        predictions = list(pool.map(post, images))
    for content, answers in zip(images, predictions, strict=True):
        assert answers == [expected(predictors[name], content)] * 5


def test_top(client, predictors, images) -> None:
    for top, count in (("1", 1), ("2", 2), ("9", 4), ("all", 4)):
        predictions = client.post(f"/predict?top={top}", content=images[0]).json()
        assert predictions == expected(predictors["animals"], images[0], top=count)
    for top in ("0", "-1", "x", "", "1.5"):
        response = client.post(f"/predict?top={top}", content=images[0])
        assert response.status_code == 422, top
        assert set(response.json()) == {"error", "id"}


def test_several_images_as_multipart(client, predictors, images) -> None:
    names = [f"사진 {index}.png" for index in range(5)]
    files = [("any", (name, content)) for name, content in zip(names, images, strict=False)]
    response = client.post("/predict", files=files)
    assert response.status_code == 200
    assert response.json()["predictions"] == [
        expected(predictors["animals"], content, path=name)
        for name, content in zip(names, images, strict=False)
    ]


def test_more_probabilities_than_a_response_holds_are_refused(local, images, monkeypatch) -> None:
    monkeypatch.setattr(predict, "MAX_JSON_VALUES", 5)
    files = [("image", ("1.png", images[0]))] * 2
    with local() as server:
        refused = httpx.post(f"{server.url}/predict?top=3", files=files, timeout=60)
        assert (refused.status_code, refused.json()["error"]) == (
            413,
            "the response would have 6 probabilities, the limit is 5; send fewer images, or ask "
            "for fewer classes with top",
        )
        assert httpx.post(f"{server.url}/predict?top=2", files=files, timeout=60).is_success


def test_an_unreadable_part_has_its_error_and_the_others_their_prediction(client, images) -> None:
    files = [("p", ("a.png", images[0])), ("p", ("b.png", b"nothing")), ("p", ("c.png", b""))]
    response = client.post("/predict", files=files)
    assert response.status_code == 200
    first, second, third = response.json()["predictions"]
    assert first["error"] is None
    assert second == {
        "path": "b.png",
        "label": None,
        "probability": None,
        "top": [],
        "abstained": False,
        "error": second["error"],
    }
    assert second["error"]
    assert third["error"] == "empty file"


def test_only_unreadable_parts_are_a_422(client) -> None:
    response = client.post("/predict", files=[("p", ("b.png", b"nothing"))])
    assert response.status_code == 422
    body = response.json()
    assert body["error"] == "none of the images could be read"
    assert [prediction["path"] for prediction in body["predictions"]] == ["b.png"]


def test_form_fields_are_no_images(client, predictors, images) -> None:
    fields, files = {"csrf": "8f3a", "top": "3"}, [("picture", ("a.png", images[0]))]
    response = client.post("/predict", data=fields, files=files)
    assert response.status_code == 200
    assert response.json() == {
        "predictions": [expected(predictors["animals"], images[0], path="a.png")],
        "ignored_fields": ["csrf", "top"],
    }


def test_a_form_without_a_file(client) -> None:
    body = b"".join(
        b'--b\r\ncontent-disposition: form-data; name="%s"\r\n\r\nx\r\n' % name
        for name in (b"csrf", b"note")
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = client.post("/predict", content=body + b"--b--\r\n", headers=headers)
    assert (response.status_code, response.json()["error"]) == (
        422,
        "the form has no file, only the text fields 'csrf', 'note'; send each image as a file "
        "(curl -F image=@FILE), base64 text has to be decoded first",
    )


def test_a_compressed_body(client, images) -> None:
    headers = {"content-encoding": "gzip", "content-type": "image/png"}
    response = client.post("/predict", content=gzip.compress(images[0]), headers=headers)
    assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")
    assert response.json()["error"] == (
        "Content-Encoding 'gzip' is not supported: send the body uncompressed; image files are "
        "compressed already"
    )


def test_an_image_sent_as_a_form(client, predictors, images) -> None:
    """curl -d @FILE removes line ends: a JPEG might still decode, to other pixels."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = client.post("/predict", content=images[0], headers=headers)
    assert response.json() == expected(predictors["animals"], images[0])
    out = io.BytesIO()
    Image.open(io.BytesIO(images[0])).save(out, "JPEG")
    for content in (images[0], out.getvalue()):
        stripped = content.replace(b"\r", b"").replace(b"\n", b"")
        response = client.post("/predict", content=stripped, headers=headers)
        assert (response.status_code, response.json()["error"]) == (
            422,
            "damaged on its way: line ends were removed or changed, as curl -d does; send it with "
            "curl --data-binary @FILE",
        )


def _broken() -> dict[str, bytes]:
    image = Image.new("RGB", (64, 64), "red")
    out = io.BytesIO()
    image.save(out, "JPEG")
    bomb = io.BytesIO()
    Image.new("1", (16_000, 16_000)).save(bomb, "PNG")
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 65_535, 65_535)
    return {
        "empty": b"",
        "text": b"this is no image",
        "cut off": out.getvalue()[:300],
        "bomb": bomb.getvalue(),
        "header only": header,
        "html": b"<!doctype html><script>alert(1)</script>",
        "pickle": b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00\x8c\x02os",
        "zip": b"PK\x03\x04" + b"\x00" * 100,
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1/"/></svg>',
        "url": b"http://127.0.0.1:1/image.png",
        "path": b"/etc/passwd",
    }


@pytest.mark.parametrize("name", list(_broken()))
def test_hostile_images_are_a_4xx_with_a_reason(client, name: str) -> None:
    response = client.post("/predict", content=_broken()[name])
    assert response.status_code == 422, response.text
    body = response.json()
    assert body["id"] == response.headers["x-request-id"]
    assert body["error"]
    quoted = "" if name == "path" else "/etc/passwd"  # what the client sent, no file of the server
    assert "/" not in body["error"].replace("/etc/passwd", quoted)
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("image/png", 200),
        ("image/x-unheard-of", 200),
        ("application/octet-stream; x=y", 200),
        ("application/x-www-form-urlencoded", 200),
        ("application/json", 415),
        ("text/html", 415),
        ("multipart/form-data", 400),
        ("multipart/mixed; boundary=b", 415),
    ],
)
def test_content_types(client, images, content_type: str, status: int) -> None:
    headers = {"content-type": content_type}
    response = client.post("/predict", content=images[0], headers=headers)
    assert response.status_code == status, response.text


def test_more_parts_than_allowed(client, images) -> None:
    response = client.post("/predict", files=[("p", ("a", images[0]))] * 65)
    assert response.status_code == 413
    assert response.json()["error"] == "the multipart body has more than 64 parts"


def test_an_output_that_is_not_finite_is_told(local, images) -> None:
    reason = "the model's output is NaN or infinite"
    with local() as server:
        server.predictor.scale = float("nan")
        single = httpx.post(f"{server.url}/predict", content=images[0], timeout=60)
        assert (single.status_code, single.json()["error"]) == (422, reason)
        files = [("p", ("a.png", images[0]))]
        several = httpx.post(f"{server.url}/predict", files=files, timeout=60)
        assert several.status_code == 422
        assert [item["error"] for item in several.json()["predictions"]] == [reason]
