"""The JSON of requests and responses as pydantic models: what OpenAPI shows.

`InferRequest` to `ServerMetadata` follow the KServe specification "Open Inference Protocol" (v2).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class LabelProbabilitySchema(BaseModel):
    """One class and its calibrated probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class PredictionSchema(BaseModel):
    """The prediction for one image: the object of `predict --format jsonl`."""

    path: str | None = Field(description="The file name sent with the image, if any.")
    label: str | None = Field(description="The most probable class, also if the model abstains.")
    probability: float | None = Field(ge=0, le=1)
    top: list[LabelProbabilitySchema]
    abstained: bool
    error: str | None = Field(description="Why there is no prediction; the rest is then empty.")
    labels: list[str] | None = Field(
        None, description="Multi-label models only: every label above its threshold."
    )


class PredictionsSchema(BaseModel):
    """One prediction per image, in the order sent."""

    predictions: list[PredictionSchema]
    ignored_fields: list[str] | None = Field(
        None, description="Names of the form's text fields, where it has any: no images."
    )


class ErrorSchema(BaseModel):
    """Why a request failed; `id` is in the log too."""

    error: str
    id: str
    predictions: list[PredictionSchema] | None = Field(
        None, description="Where several images were sent and none could be read."
    )


class LiveSchema(BaseModel):
    """The process answers."""

    live: bool


class ReadySchema(BaseModel):
    """Every model is loaded and the server is not stopping."""

    ready: bool


class ModelListSchema(BaseModel):
    """The names of the models; the first is the default."""

    models: list[str]


class InferParameters(BaseModel):
    """Keys of the binary tensor extension; other keys are ignored."""

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
    data: list[Any] | None = Field(None, description="Flat or nested, 0..255, row-major.")
    parameters: InferParameters = InferParameters()


class RequestedOutput(BaseModel):
    """An output by name; without any, all are returned."""

    model_config = ConfigDict(strict=True)

    name: Literal["probabilities", "label"]
    parameters: InferParameters = InferParameters()


class InferRequest(BaseModel):
    """One inference request."""

    model_config = ConfigDict(strict=True)

    id: str | None = Field(None, max_length=256)
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = Field(None, max_length=2)
    parameters: InferParameters = InferParameters()


class OutputTensor(BaseModel):
    """`probabilities`: FP32 (N, K); `label`: BYTES (N)."""

    name: Literal["probabilities", "label"]
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    data: list[float] | list[str] | None = None
    parameters: dict[str, int] | None = None


class InferResponse(BaseModel):
    """The response to one inference request."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """One tensor of a model; -1 is any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model's inputs and outputs."""

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
    """Name, version and protocol extensions of the server."""

    name: str
    version: str
    extensions: list[str]
