"""Open Inference Protocol v2: parses infer requests, builds responses and model metadata.

Pixels in, probabilities and labels out, as JSON or with the binary tensor data extension, so that
the clients of Triton, KServe and OpenVINO work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from foveal.prediction.prediction import predicted_index
from foveal.serving.errors import RequestError
from foveal.serving.schemas import InferRequest, InputTensor, ModelMetadata, TensorMetadata

if TYPE_CHECKING:
    from foveal.model.inference_manifest import InferenceManifest
    from foveal.model.manifest import Manifest

PIXELS_NAME = "pixels"
PROBABILITIES_NAME = "probabilities"
LABEL_NAME = "label"
JSON_LENGTH_HEADER = "inference-header-content-length"
MAX_JSON_VALUES = 1_000_000
"""Probabilities in a response."""
_MAX_ROWS = 1 << 31
_MAX_LENGTH_DIGITS = 18


@dataclass(frozen=True)
class InferInputs:
    """A parsed request: pixels (N, H, W, C) uint8 and the outputs to return, in that order."""

    id: str | None
    pixels: np.ndarray
    outputs: tuple[tuple[str, bool], ...]
    """(output name, whether as a binary tensor)."""


def parse_infer_request(body: bytes, json_length: str | None, shape: Sequence[int]) -> InferInputs:
    """Parse a request for a model whose input is `shape` = (height, width, channels).

    json_length: the value of Inference-Header-Content-Length, or None for plain JSON.
    Raises RequestError 400.
    """
    length = _parse_json_length(json_length, len(body))
    request = _parse_json(body[:length])
    tensor = request.inputs[0]
    rows = tensor.shape[0]
    if list(tensor.shape[1:]) != list(shape) or not 1 <= rows < _MAX_ROWS:
        expected = ", ".join(str(size) for size in ("N", *shape))
        raise RequestError(
            400, f"the shape of '{PIXELS_NAME}' is {tensor.shape}; expected [{expected}]"
        )
    pixels = _parse_pixels(tensor, body[length:], (rows, *shape))
    return InferInputs(request.id, pixels, _requested_outputs(request))


def _parse_json_length(header: str | None, body_bytes: int) -> int:
    if header is None:
        return body_bytes
    is_number = header.isascii() and header.isdigit() and len(header) <= _MAX_LENGTH_DIGITS
    if not is_number or int(header) > body_bytes:
        raise RequestError(
            400, "Inference-Header-Content-Length is not a number of bytes within the body"
        )
    return int(header)


def _parse_json(text: bytes) -> InferRequest:
    try:
        return InferRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(str(step) for step in first["loc"]) or "the body"
        raise RequestError(
            400,
            f"invalid inference request: {location}: {first['msg']}; this route takes pixels, "
            "encoded images go to /predict",
        ) from None
    except RecursionError:
        raise RequestError(400, "the inference request is nested too deeply") from None


def _parse_pixels(tensor: InputTensor, binary: bytes, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod([int(n) for n in shape], dtype=object))
    if tensor.parameters.binary_data_size is not None:
        return _parse_binary_pixels(tensor, binary, shape, size)
    if tensor.data is None or binary:
        raise RequestError(
            400, f"'{PIXELS_NAME}' needs data, or binary_data_size and that many bytes"
        )
    # as objects: an array of texts gives each the memory of the longest
    values = np.asarray(tensor.data, dtype=object)
    if values.size != size or set(map(type, values.flat)) != {int}:
        raise RequestError(
            400, f"the data of '{PIXELS_NAME}' must be {size} integers for shape {list(shape)}"
        )
    if values.min() < 0 or values.max() > 255:
        raise RequestError(400, f"the data of '{PIXELS_NAME}' must be in 0..255")
    return values.astype(np.uint8).reshape(shape)


def _parse_binary_pixels(
    tensor: InputTensor, binary: bytes, shape: tuple[int, ...], size: int
) -> np.ndarray:
    if tensor.data is not None:
        raise RequestError(400, f"'{PIXELS_NAME}' has both data and binary_data_size: send one")
    if tensor.parameters.binary_data_size != size or len(binary) != size:
        raise RequestError(
            400,
            f"'{PIXELS_NAME}' of shape {list(shape)} needs {size} bytes; received {len(binary)}",
        )
    return np.frombuffer(binary, np.uint8).reshape(shape).copy()  # torch needs a writable array


def _requested_outputs(request: InferRequest) -> tuple[tuple[str, bool], ...]:
    all_binary = request.parameters.binary_data_output
    if not request.outputs:
        return (PROBABILITIES_NAME, all_binary), (LABEL_NAME, all_binary)
    return tuple(
        (output.name, all_binary or output.parameters.binary_data) for output in request.outputs
    )


def refuse_large_json(inputs: InferInputs, labels: int) -> None:
    """Raise RequestError 413 where so many probabilities would be written as JSON.

    That takes a second for each million, in which the process answers nobody.
    """
    values = len(inputs.pixels) * labels
    in_json = any(not binary and name == PROBABILITIES_NAME for name, binary in inputs.outputs)
    if in_json and values > MAX_JSON_VALUES:
        raise RequestError(
            413,
            f"the response would have {values:,} probabilities as JSON, the limit is "
            f"{MAX_JSON_VALUES:,}; ask for a binary tensor, or send fewer images",
        )


def build_infer_response(
    inputs: InferInputs,
    probabilities: np.ndarray,
    manifest: Manifest | InferenceManifest,
    model_name: str,
    model_version: str,
) -> tuple[bytes, int | None]:
    """The response's body, and the length of its JSON where binary tensors follow it.

    probabilities: (N, K) float32, one column a label.  manifest: of the model.
    """
    outputs: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    for name, binary in inputs.outputs:
        tensor, block = _output_tensor(name, probabilities, manifest, binary)
        outputs.append(tensor)
        blocks.append(block)
    head: dict[str, Any] = {
        "model_name": model_name,
        "model_version": model_version,
        "outputs": outputs,
    }
    if inputs.id is not None:
        head["id"] = inputs.id
    text = json.dumps(head, ensure_ascii=False).encode()
    has_binary = any(binary for _, binary in inputs.outputs)
    return text + b"".join(blocks), len(text) if has_binary else None


def _output_tensor(
    name: str, probabilities: np.ndarray, manifest: Manifest | InferenceManifest, binary: bool
) -> tuple[dict[str, Any], bytes]:
    if name == PROBABILITIES_NAME:
        tensor = {"name": name, "datatype": "FP32", "shape": list(probabilities.shape)}
        if not binary:
            return {**tensor, "data": probabilities.ravel().tolist()}, b""
        block = probabilities.astype("<f4").tobytes()
    else:
        predicted = [manifest.labels[predicted_index(row, manifest)] for row in probabilities]
        tensor = {"name": name, "datatype": "BYTES", "shape": [len(predicted)]}
        if not binary:
            return {**tensor, "data": predicted}, b""
        texts = [label.encode() for label in predicted]
        block = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return {**tensor, "parameters": {"binary_data_size": len(block)}}, block


def build_model_metadata(
    name: str,
    version: str,
    shape: Sequence[int],
    labels: Sequence[str],
    parameters: Mapping[str, Any],
) -> ModelMetadata:
    """The response of `/v2/models/{name}`; `parameters` are added to the labels."""
    return ModelMetadata(
        name=name,
        versions=[version],
        platform="foveal",
        inputs=[TensorMetadata(name=PIXELS_NAME, datatype="UINT8", shape=[-1, *shape])],
        outputs=[
            TensorMetadata(name=PROBABILITIES_NAME, datatype="FP32", shape=[-1, len(labels)]),
            TensorMetadata(name=LABEL_NAME, datatype="BYTES", shape=[-1]),
        ],
        parameters={"labels": list(labels), **parameters},
    )
