"""Open Inference Protocol v2: pixels in, probabilities and labels out, as JSON or binary tensors.

Knows nothing of HTTP or models. Follows the KServe specification "Open Inference Protocol", REST,
with its binary tensor data extension, so that Triton's, KServe's and OpenVINO's clients work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foveal.serving.errors import RequestError

INPUT = "pixels"
PROBABILITIES = "probabilities"
LABEL = "label"
HEADER = "inference-header-content-length"
_DIMENSION = 1 << 31


class Parameters(BaseModel):
    """What the binary tensor extension adds; other parameters are let pass."""

    model_config = ConfigDict(extra="allow", strict=True)

    binary_data_size: int | None = Field(None, ge=0)
    binary_data: bool = False
    binary_data_output: bool = False


class InputTensor(BaseModel):
    """Pixels: uint8 of shape (N, height, width, channels), as the model's metadata says."""

    model_config = ConfigDict(strict=True)

    name: Literal["pixels"]
    datatype: Literal["UINT8"]
    shape: list[int] = Field(min_length=4, max_length=4)
    data: list[Any] | None = Field(None, description="Flat or nested, 0..255, row by row.")
    parameters: Parameters = Parameters()


class WantedOutput(BaseModel):
    """An output by name; without any, all come."""

    model_config = ConfigDict(strict=True)

    name: Literal["probabilities", "label"]
    parameters: Parameters = Parameters()


class InferRequest(BaseModel):
    """One inference."""

    model_config = ConfigDict(strict=True)

    id: str | None = Field(None, max_length=256)
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[WantedOutput] | None = Field(None, max_length=2)
    parameters: Parameters = Parameters()


class OutputTensor(BaseModel):
    """`probabilities`: FP32 (N, K); `label`: BYTES (N)."""

    name: Literal["probabilities", "label"]
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    data: list[float] | list[str] | None = None
    parameters: dict[str, int] | None = None


class InferResponse(BaseModel):
    """The answer of one inference."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """One tensor of a model; -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, Any]


class ModelReady(BaseModel):
    """Whether a model is loaded."""

    name: str
    ready: bool


class ServerMetadata(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


@dataclass(frozen=True)
class Inference:
    """A request that has been read: pixels (N, H, W, C) uint8 and what is wanted of them."""

    id: str | None
    pixels: np.ndarray
    wanted: tuple[tuple[str, bool], ...]
    """(output, whether in binary), in the order asked for."""


def read(body: bytes, header: str | None, shape: Sequence[int]) -> Inference:
    """Read a request for a model whose input is `shape` = (height, width, channels).

    header: the value of Inference-Header-Content-Length, or None for plain JSON.
    Raises Failure 400 that says what is wrong.
    """
    length = _header_length(header, len(body))
    request = _parse(body[:length])
    tensor = request.inputs[0]
    count = tensor.shape[0]
    if list(tensor.shape[1:]) != list(shape) or not 1 <= count < _DIMENSION:
        wanted = ", ".join(str(n) for n in ("N", *shape))
        raise RequestError(400, f"the shape of '{INPUT}' is {tensor.shape}; it must be [{wanted}]")
    pixels = _pixels(tensor, body[length:], (count, *shape))
    return Inference(request.id, pixels, _wanted(request))


def _header_length(header: str | None, size: int) -> int:
    if header is None:
        return size
    if not (header.isascii() and header.isdigit()) or int(header) > size:
        raise RequestError(400, "Inference-Header-Content-Length is not a length within the body")
    return int(header)


def _parse(text: bytes) -> InferRequest:
    try:
        return InferRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the body"
        raise RequestError(
            400, f"the inference request is not valid: {place}: {first['msg']}"
        ) from None
    except RecursionError:
        raise RequestError(400, "the inference request is nested too deeply") from None


def _pixels(tensor: InputTensor, binary: bytes, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod([int(n) for n in shape], dtype=object))
    announced = tensor.parameters.binary_data_size
    if announced is not None:
        if tensor.data is not None:
            raise RequestError(400, f"'{INPUT}' has both data and binary_data_size: give one")
        if announced != size or len(binary) != size:
            raise RequestError(
                400, f"'{INPUT}' of shape {list(shape)} needs {size} bytes; {len(binary)} came"
            )
        return np.frombuffer(binary, np.uint8).reshape(shape).copy()  # torch wants to own it
    if tensor.data is None or binary:
        raise RequestError(400, f"'{INPUT}' needs data, or binary_data_size and as many bytes")
    try:
        values = np.asarray(tensor.data)
    except (ValueError, RecursionError, OverflowError):
        raise RequestError(400, f"the data of '{INPUT}' is not an even array of numbers") from None
    if values.size != size or values.dtype.kind not in "iu":
        raise RequestError(
            400, f"the data of '{INPUT}' must be {size} whole numbers for shape {list(shape)}"
        )
    if values.size and not (int(values.min()) >= 0 and int(values.max()) <= 255):
        raise RequestError(400, f"the data of '{INPUT}' must be 0..255")
    return values.astype(np.uint8).reshape(shape)


def _wanted(request: InferRequest) -> tuple[tuple[str, bool], ...]:
    every = request.parameters.binary_data_output
    if not request.outputs:
        return (PROBABILITIES, every), (LABEL, every)
    return tuple((item.name, every or item.parameters.binary_data) for item in request.outputs)


def answer(
    inference: Inference, probabilities: np.ndarray, labels: Sequence[str], name: str, version: str
) -> tuple[bytes, int | None]:
    """The response's body, and the length of its JSON where binary tensors follow it.

    probabilities: (N, K) float32, one column a label.
    """
    outputs: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    for output, binary in inference.wanted:
        tensor, block = _output(output, probabilities, labels, binary)
        outputs.append(tensor)
        blocks.append(block)
    head: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": outputs}
    if inference.id is not None:
        head["id"] = inference.id
    text = json.dumps(head, ensure_ascii=False).encode()
    binary_any = any(binary for _, binary in inference.wanted)
    return text + b"".join(blocks), len(text) if binary_any else None


def _output(
    output: str, probabilities: np.ndarray, labels: Sequence[str], binary: bool
) -> tuple[dict[str, Any], bytes]:
    if output == PROBABILITIES:
        tensor: dict[str, Any] = {
            "name": output, "datatype": "FP32", "shape": list(probabilities.shape),
        }  # fmt: skip
        if not binary:
            return {**tensor, "data": probabilities.ravel().tolist()}, b""
        block = probabilities.astype("<f4").tobytes()
    else:
        best = [labels[index] for index in probabilities.argmax(axis=1)]
        tensor = {"name": output, "datatype": "BYTES", "shape": [len(best)]}
        if not binary:
            return {**tensor, "data": best}, b""
        texts = [label.encode() for label in best]
        block = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return {**tensor, "parameters": {"binary_data_size": len(block)}}, block


def metadata(
    name: str, version: str, shape: Sequence[int], labels: Sequence[str], more: Mapping[str, Any]
) -> ModelMetadata:
    """What `/v2/models/{name}` tells."""
    return ModelMetadata(
        name=name,
        versions=[version],
        platform="foveal",
        inputs=[TensorMetadata(name=INPUT, datatype="UINT8", shape=[-1, *shape])],
        outputs=[
            TensorMetadata(name=PROBABILITIES, datatype="FP32", shape=[-1, len(labels)]),
            TensorMetadata(name=LABEL, datatype="BYTES", shape=[-1]),
        ],
        parameters={"labels": list(labels), **more},
    )
