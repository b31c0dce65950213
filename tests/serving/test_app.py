"""The answers over HTTP are the Predictor's to the bit; everything else is a reason and an id."""

from __future__ import annotations

import io
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from foveal.images.resize import to_input_pixels
from foveal.prediction.predictor import Predictor

MODELS = ("animals", "animals-fast")


@pytest.fixture(scope="module")
def predictors(model: Path, exported: Path) -> dict[str, Predictor]:
    return dict(zip(MODELS, (Predictor(model), Predictor(exported)), strict=True))


def expected(predictor: Predictor, content: bytes, path: str | None = None, top: int = 5):
    return next(predictor.predict(content, top=top)).to_data() | {"path": path}


@pytest.mark.parametrize("name", MODELS)
def test_a_image_is_answered_as_the_predictor_answers(client, predictors, images, name):
    for content in images[:10]:
        response = client.post(f"/predict?model={name}", content=content)
        assert response.status_code == 200
        assert response.json() == expected(predictors[name], content)


@pytest.mark.parametrize("name", MODELS)
def test_company_changes_no_bit(server, predictors, images, name) -> None:
    def ask(content: bytes):
        with httpx.Client(base_url=server.url, timeout=30) as own:
            return [own.post(f"/predict?model={name}", content=content).json() for _ in range(5)]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, images))
    for content, answers in zip(images, found, strict=True):
        assert answers == [expected(predictors[name], content)] * 5


def test_the_first_model_is_the_default(client, images) -> None:
    default = client.post("/predict", content=images[0]).json()
    assert default == client.post("/predict?model=animals", content=images[0]).json()
    assert client.get("/models").json() == {"models": list(MODELS)}


def test_top(client, predictors, images) -> None:
    for top, count in (("1", 1), ("2", 2), ("9", 4), ("all", 4)):
        found = client.post(f"/predict?top={top}", content=images[0]).json()
        assert found == expected(predictors["animals"], images[0], top=count)
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


def test_an_unreadable_part_has_its_error_and_the_others_their_answer(client, images) -> None:
    files = [("p", ("a.png", images[0])), ("p", ("b.png", b"nothing")), ("p", ("c.png", b""))]
    response = client.post("/predict", files=files)
    assert response.status_code == 200
    first, second, third = response.json()["predictions"]
    assert first["error"] is None
    assert second == {
        "path": "b.png", "label": None, "probability": None, "top": [], "abstained": False,
        "error": second["error"],
    }  # fmt: skip
    assert second["error"]
    assert third["error"] == "empty file"


def test_only_unreadable_parts_are_a_failure(client) -> None:
    response = client.post("/predict", files=[("p", ("b.png", b"nothing"))])
    assert response.status_code == 422
    said = response.json()
    assert said["error"] == "no image could be read"
    assert [answer["path"] for answer in said["predictions"]] == ["b.png"]


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
    said = response.json()
    assert said["id"] == response.headers["x-request-id"]
    assert said["error"]
    assert "/" not in said["error"]
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
    assert response.json()["error"] == "the multipart body holds more than 64 parts"


def test_unknown_places(client) -> None:
    response = client.get("/../../etc/passwd")
    assert (response.status_code, response.json()["error"]) == (
        404, "there is nothing at this address",
    )  # fmt: skip
    response = client.put("/predict", content=b"")
    assert (response.status_code, response.json()["error"]) == (
        405, "this method is not taken here",
    )  # fmt: skip
    response = client.post("/predict?model=nobody", content=b"x")
    assert (response.status_code, response.json()["error"]) == (
        404, "there is no model of that name here; there is: animals, animals-fast",
    )  # fmt: skip


def test_a_mistyped_parameter_is_not_passed_over(client, images) -> None:
    response = client.post("/predict?modle=animals-fast", content=images[0])
    assert (response.status_code, response.json()["error"]) == (
        422, "there is no parameter 'modle' here; there is: model, top",
    )  # fmt: skip


def test_request_ids(client) -> None:
    assert client.get("/v2", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 65, 'a"b'):
        given = client.get("/v2", headers={"x-request-id": bad}).headers["x-request-id"]
        assert given != bad
        assert len(given) == 16


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"])
def test_a_foreign_host_or_origin_is_refused_on_every_method(client, method: str) -> None:
    for headers in ({"host": "rebound.example"}, {"origin": "https://evil.example"}):
        assert client.request(method, "/predict", headers=headers).status_code == 403


def test_every_answer_has_the_security_headers(client) -> None:
    for path in ("/", "/nowhere", "/metrics", "/v2"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_health_and_metadata(client, predictors, model: Path) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/models/animals/ready").json() == {"name": "animals", "ready": True}
    found = client.get("/v2/models/animals").json()
    assert found["parameters"]["labels"] == ["bee", "cat", "dog", "eel"]
    assert found["versions"] == [predictors["animals"].manifest.weights_sha256[:12]]
    assert client.get("/v2/models/nobody").status_code == 404


@pytest.mark.parametrize("name", MODELS)
def test_inference_in_json_and_binary(client, predictors, images, name: str) -> None:
    predictor = predictors[name]
    network = predictor.manifest.network
    block = np.stack([to_input_pixels(each, network.input, network.preprocess) for each in images])
    wanted = np.concatenate([predictor.probabilities(one[None]) for one in block[:32]])
    tensor = {"name": "pixels", "datatype": "UINT8", "shape": [32, 16, 16, 3]}
    asked = {"id": "x", "inputs": [tensor | {"data": block[:32].tolist()}]}
    said = client.post(f"/v2/models/{name}/infer", json=asked).json()
    rows = np.array(said["outputs"][0]["data"], np.float32).reshape(32, 4)
    np.testing.assert_array_equal(rows, wanted)
    assert said["outputs"][1]["data"] == [predictor.labels[best] for best in wanted.argmax(1)]

    size = block[:32].nbytes
    head = json.dumps(
        {
            "inputs": [tensor | {"parameters": {"binary_data_size": size}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    headers = {"inference-header-content-length": str(len(head))}
    response = client.post(
        f"/v2/models/{name}/infer", content=head + block[:32].tobytes(), headers=headers
    )
    length = int(response.headers["inference-header-content-length"])
    said = json.loads(response.content[:length])
    size = said["outputs"][0]["parameters"]["binary_data_size"]
    raw = np.frombuffer(response.content[length : length + size], "<f4").reshape(32, 4)
    np.testing.assert_array_equal(raw, wanted)


def test_inference_mistakes(client) -> None:
    response = client.post("/v2/models/animals/infer", json={"inputs": []})
    assert response.status_code == 400
    assert response.json()["error"].startswith("the inference request is not valid: inputs: ")
    assert client.post("/v2/models/nobody/infer", json={}).status_code == 404


def test_the_metrics_are_the_sum_over_the_workers(server, client, images) -> None:
    def count() -> float:
        lines = client.get("/metrics").text.splitlines()
        start = 'foveal_images_total{model="animals-fast",outcome="answered"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(start))

    before = count()
    for _ in range(20):
        httpx.post(f"{server.url}/predict?model=animals-fast", content=images[0])
    assert count() == before + 20


def test_logs_are_one_json_object_a_request(server, client) -> None:
    client.get("/v2", headers={"x-request-id": "look-for-me"})
    found: list[dict] = []
    while not found:
        found = [each for each in server.wait_for("request") if each["id"] == "look-for-me"]
    assert found[0].items() >= {
        "level": "info", "method": "GET", "path": "/v2", "status": 200, "client": "127.0.0.1",
    }.items()  # fmt: skip
    others = [line for line in server.lines if not line.startswith("{")]
    assert others == [f"serving on {server.url} (Ctrl-C stops it)\n"]


def test_the_page_speaks_the_browsers_language(client) -> None:
    for headers, query, lang in (
        ({}, "", "en"),
        ({"accept-language": "ko-KR,ko;q=0.9"}, "", "ko"),
        ({"accept-language": "ko"}, "?lang=en", "en"),
    ):
        response = client.get(f"/{query}", headers=headers)
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert f'<html lang="{lang}">' in response.text


def test_explain(client, images) -> None:
    response = client.post("/explain?lang=ko", content=images[0], timeout=60)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ko">' in response.text
    response = client.post("/explain", content=b"nothing")
    assert response.status_code == 422, response.text
    response = client.post("/explain?model=animals-fast", content=images[0])
    assert (response.status_code, response.json()["error"]) == (
        409, "this model is an exported file; only a native one can be explained",
    )  # fmt: skip
