"""The v2 routes: health, metadata and inference with the bits of the Predictor."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from foveal.images.resize import to_input_pixels
from foveal.prediction.predictor import Predictor

MODELS = ("animals", "animals-fast")


@pytest.fixture(scope="module")
def predictors(model: Path, exported: Path) -> dict[str, Predictor]:
    return dict(zip(MODELS, (Predictor(model), Predictor(exported)), strict=True))


def test_health_and_metadata(client, predictors, model: Path) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/models/animals/ready").json() == {"name": "animals", "ready": True}
    metadata = client.get("/v2/models/animals").json()
    assert metadata["parameters"]["labels"] == ["bee", "cat", "dog", "eel"]
    assert metadata["versions"] == [predictors["animals"].manifest.weights_sha256[:12]]
    assert client.get("/v2/models/nobody").status_code == 404


@pytest.mark.parametrize("name", MODELS)
def test_inference_in_json_and_binary(client, predictors, images, name: str) -> None:
    predictor = predictors[name]
    network = predictor.manifest.network
    block = np.stack([to_input_pixels(each, network.input, network.preprocess) for each in images])
    expected = np.concatenate([predictor.probabilities(one[None]) for one in block[:32]])
    tensor = {"name": "pixels", "datatype": "UINT8", "shape": [32, 16, 16, 3]}
    request = {"id": "x", "inputs": [tensor | {"data": block[:32].tolist()}]}
    body = client.post(f"/v2/models/{name}/infer", json=request).json()
    rows = np.array(body["outputs"][0]["data"], np.float32).reshape(32, 4)
    np.testing.assert_array_equal(rows, expected)
    assert body["outputs"][1]["data"] == [predictor.labels[best] for best in expected.argmax(1)]

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
    body = json.loads(response.content[:length])
    size = body["outputs"][0]["parameters"]["binary_data_size"]
    raw = np.frombuffer(response.content[length : length + size], "<f4").reshape(32, 4)
    np.testing.assert_array_equal(raw, expected)


def test_inference_mistakes(client) -> None:
    response = client.post("/v2/models/animals/infer", json={"inputs": []})
    assert response.status_code == 400
    assert response.json()["error"].startswith("invalid inference request: inputs: ")
    assert client.post("/v2/models/nobody/infer", json={}).status_code == 404


def test_images_are_counted(local) -> None:
    with local() as server:
        shape = server.predictor.manifest.network.input.shape
        tensor = {"name": "pixels", "datatype": "UINT8", "shape": [2, *shape]}
        request = {"inputs": [tensor | {"data": [0] * int(2 * np.prod(shape))}]}
        httpx.post(f"{server.url}/v2/models/animals/infer", json=request, timeout=60)
        metrics = server.state.metrics.text().decode()
    assert 'foveal_images_total{model="animals",outcome="predicted"} 2.0' in metrics.splitlines()


def test_an_output_that_is_not_finite_is_told(local) -> None:
    with local() as server:
        server.predictor.scale = float("nan")
        shape = server.predictor.manifest.network.input.shape
        tensor = {"name": "pixels", "datatype": "UINT8", "shape": [1, *shape]}
        request = {"inputs": [tensor | {"data": [0] * int(np.prod(shape))}]}
        answer = httpx.post(f"{server.url}/v2/models/animals/infer", json=request, timeout=60)
    found = answer.status_code, answer.json()["error"]
    assert found == (422, "the model's output is NaN or infinite")
