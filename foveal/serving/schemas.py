"""The JSON that requests are answered with, as types: what OpenAPI shows.

Knows nothing of how answers come about.
"""

from __future__ import annotations

from pydantic import BaseModel, Field


class LabelScore(BaseModel):
    """One class and its calibrated probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class PredictionSchema(BaseModel):
    """What the network says of one image: the object of `predict --format jsonl`."""

    path: str | None = Field(description="The file name sent with the image, if any.")
    label: str | None = Field(description="The best class, also where the model abstains.")
    probability: float | None = Field(ge=0, le=1)
    top: list[LabelScore]
    abstained: bool
    error: str | None = Field(description="Why there is no answer; the rest is then empty.")
    labels: list[str] | None = Field(
        None, description="Only multi-label models: every label above its threshold."
    )


class PredictionsSchema(BaseModel):
    """One answer an image, in the order sent."""

    predictions: list[PredictionSchema]


class ErrorSchema(BaseModel):
    """Why a request was not answered; `id` is in the log too."""

    error: str
    id: str
    predictions: list[PredictionSchema] | None = Field(
        None, description="Where several images were sent and none could be read."
    )


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """Every model is loaded and the server is not stopping."""

    ready: bool


class ModelList(BaseModel):
    """The names of the models here; the first is the default."""

    models: list[str]
