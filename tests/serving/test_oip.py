"""Open Inference Protocol v2: JSON and binary tensors are equal, errors say what is wrong."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from foveal.model.manifest import Manifest, Thresholds
from foveal.serving.errors import RequestError
from foveal.serving.oip import (
    build_infer_response,
    build_model_metadata,
    parse_infer_request,
    refuse_large_json,
)
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network

SHAPE = (2, 3, 1)
PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)
ROWS = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
MANIFEST = Manifest(network=Network(layers=(Flatten(), Output())), labels=("no", "예"))


def tensor(**changes):
    return {"name": "pixels", "datatype": "UINT8", "shape": [2, 2, 3, 1], **changes}


def request(*inputs, **more) -> bytes:
    return json.dumps({"inputs": list(inputs), **more}).encode()


def binary(head: bytes, tail: bytes) -> tuple[bytes, str]:
    return head + tail, str(len(head))


def test_flat_nested_and_binary_data_are_the_same_pixels() -> None:
    flat = parse_infer_request(request(tensor(data=PIXELS.ravel().tolist())), None, SHAPE)
    nested = parse_infer_request(request(tensor(data=PIXELS.tolist())), None, SHAPE)
    head = request(tensor(parameters={"binary_data_size": 12}))
    raw = parse_infer_request(*binary(head, PIXELS.tobytes()), SHAPE)
    for inputs in (flat, nested, raw):
        np.testing.assert_array_equal(inputs.pixels, PIXELS)
        assert inputs.pixels.dtype == np.uint8
        assert inputs.outputs == (("probabilities", False), ("label", False))


def test_a_response_in_json() -> None:
    inputs = parse_infer_request(request(tensor(data=PIXELS.tolist()), id="7"), None, SHAPE)
    body, length = build_infer_response(inputs, ROWS, MANIFEST, "m", "v")
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "v",
        "id": "7",
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [2, 2],
                "data": [0.25, 0.75, 0.5, 0.5],
            },
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["예", "no"]},
        ],
    }


def test_labels_are_those_of_the_operating_point() -> None:
    thresholds = Thresholds(positive_class="예", operating_point=0.5)
    manifest = MANIFEST.model_copy(update={"thresholds": thresholds})
    inputs = parse_infer_request(request(tensor(data=PIXELS.tolist())), None, SHAPE)
    body, _ = build_infer_response(inputs, ROWS, manifest, "m", "v")
    assert json.loads(body)["outputs"][1]["data"] == ["예", "예"]


def test_probabilities_without_end_are_not_written_as_json() -> None:
    inputs = parse_infer_request(request(tensor(data=PIXELS.tolist())), None, SHAPE)
    refuse_large_json(inputs, 500_000)
    with pytest.raises(RequestError) as caught:
        refuse_large_json(inputs, 500_001)
    assert (caught.value.status, caught.value.reason) == (
        413,
        "the response would have 1,000,002 probabilities as JSON, the limit is 1,000,000; ask for "
        "a binary tensor, or send fewer images",
    )
    for outputs in (("label", False),), (("probabilities", True), ("label", False)):
        refuse_large_json(replace(inputs, outputs=outputs), 500_001)


def test_a_response_in_binary() -> None:
    outputs = [
        {"name": "label", "parameters": {"binary_data": True}},
        {"name": "probabilities", "parameters": {"binary_data": True, "classification": 0}},
    ]
    inputs = parse_infer_request(
        request(tensor(data=PIXELS.tolist()), outputs=outputs), None, SHAPE
    )
    body, length = build_infer_response(inputs, ROWS, MANIFEST, "m", "v")
    outputs = json.loads(body[:length])["outputs"]
    sizes = [output["parameters"]["binary_data_size"] for output in outputs]
    label, rows = body[length : length + sizes[0]], body[length + sizes[0] :]
    assert len(rows) == sizes[1]
    assert label == struct.pack("<I", 3) + "예".encode() + struct.pack("<I", 2) + b"no"
    np.testing.assert_array_equal(np.frombuffer(rows, "<f4").reshape(2, 2), ROWS)


def test_one_parameter_requests_all_outputs_in_binary() -> None:
    body = request(tensor(data=PIXELS.tolist()), parameters={"binary_data_output": True})
    assert parse_infer_request(body, None, SHAPE).outputs == (
        ("probabilities", True),
        ("label", True),
    )


ROUTE = "; this route takes pixels, encoded images go to /predict"


@pytest.mark.parametrize(
    ("body", "header", "reason"),
    [
        (
            b"",
            None,
            "invalid inference request: the body: Invalid JSON: EOF while parsing"
            " a value at line 1 column 0" + ROUTE,
        ),
        (b"{}", None, "invalid inference request: inputs: Field required" + ROUTE),
        (
            request(),
            None,
            "invalid inference request: inputs: List should have at least 1"
            " item after validation, not 0" + ROUTE,
        ),
        (
            request(tensor(data=[1] * 12, datatype="FP32")),
            None,
            "invalid inference request: inputs.0.datatype: Input should be 'UINT8'" + ROUTE,
        ),
        (
            request(tensor(data=[1] * 12, shape=[2, 3, 2, 1])),
            None,
            "the shape of 'pixels' is [2, 3, 2, 1]; expected [N, 2, 3, 1]",
        ),
        (
            request(tensor(data=[], shape=[0, 2, 3, 1])),
            None,
            "the shape of 'pixels' is [0, 2, 3, 1]; expected [N, 2, 3, 1]",
        ),
        (
            request(tensor(data=[1] * 11)),
            None,
            "the data of 'pixels' must be 12 integers for shape [2, 2, 3, 1]",
        ),
        (
            request(tensor(data=[1.5] * 12)),
            None,
            "the data of 'pixels' must be 12 integers for shape [2, 2, 3, 1]",
        ),
        (
            request(tensor(data=[True] * 12)),
            None,
            "the data of 'pixels' must be 12 integers for shape [2, 2, 3, 1]",
        ),
        (
            request(tensor(data=["1"] * 12)),
            None,
            "the data of 'pixels' must be 12 integers for shape [2, 2, 3, 1]",
        ),
        (
            request(tensor(data=[[1], [2, 3]])),
            None,
            "the data of 'pixels' must be 12 integers for shape [2, 2, 3, 1]",
        ),
        (
            request(tensor(data=[*range(11), [11]])),
            None,
            "the data of 'pixels' must be 12 integers for shape [2, 2, 3, 1]",
        ),
        (request(tensor(data=[10**30] * 12)), None, "the data of 'pixels' must be in 0..255"),
        (request(tensor(data=[256] * 12)), None, "the data of 'pixels' must be in 0..255"),
        (request(tensor(data=[-1] * 12)), None, "the data of 'pixels' must be in 0..255"),
        (request(tensor()), None, "'pixels' needs data, or binary_data_size and that many bytes"),
        (
            request(tensor()),
            "9999",
            "Inference-Header-Content-Length is not a number of bytes within the body",
        ),
        (
            request(tensor()),
            "-1",
            "Inference-Header-Content-Length is not a number of bytes within the body",
        ),
        (
            request(tensor()),
            "9" * 5000,  # more digits than Python makes a number of
            "Inference-Header-Content-Length is not a number of bytes within the body",
        ),
        (
            *binary(request(tensor(parameters={"binary_data_size": 12})), b"123"),
            "'pixels' of shape [2, 2, 3, 1] needs 12 bytes; received 3",
        ),
        (
            request(tensor(data=[1] * 12, parameters={"binary_data_size": 12})),
            None,
            "'pixels' has both data and binary_data_size: send one",
        ),
        (
            request(tensor(shape=[2**40, 2, 3, 1], data=[1])),
            None,
            "the shape of 'pixels' is [1099511627776, 2, 3, 1]; expected [N, 2, 3, 1]",
        ),
    ],
)
def test_invalid_requests(body: bytes, header: str | None, reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_infer_request(body, header, SHAPE)
    assert (caught.value.status, caught.value.reason) == (400, reason)


def test_a_long_text_among_many_takes_no_memory() -> None:
    texts = ["x" * 2**23, *[""] * 2**22]  # 2**47 bytes as an array of texts
    with pytest.raises(RequestError, match="must be 12 integers"):
        parse_infer_request(request(tensor(data=texts)), None, SHAPE)


def test_deep_nesting_is_rejected() -> None:
    deep = b'{"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": [2,2,3,1], "data": '
    with pytest.raises(RequestError):
        parse_infer_request(deep + b"[" * 100_000 + b"]" * 100_000 + b"}]}", None, SHAPE)
    with pytest.raises(RequestError):
        parse_infer_request(deep + b"[" * 150 + b"]" * 150 + b"}]}", None, SHAPE)


def test_model_metadata() -> None:
    data = build_model_metadata("m", "v", SHAPE, ("a", "b"), {"task": "single"}).model_dump()
    assert data["inputs"] == [{"name": "pixels", "datatype": "UINT8", "shape": [-1, 2, 3, 1]}]
    assert data["outputs"][0] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
    assert data["parameters"] == {"labels": ["a", "b"], "task": "single"}
