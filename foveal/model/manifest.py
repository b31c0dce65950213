"""Manifest: everything a model file holds beside its weights, validated when it is read."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, field_serializer, model_validator

from foveal.model.detect import MANIFEST_VERSION, MAX_LABELS
from foveal.spec.network import Network
from foveal.spec.values import OutputActivation, Probability


class _StrictModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Thresholds(_StrictModel):
    """Decision thresholds, 0..1.

    abstain: below this highest probability a prediction is marked as abstained.  positive_class,
    operating_point: with two classes, the class predicted where its probability reaches the
    operating point.  per_label: of a multi-label model, the probability from which each label is
    predicted (0.5 where none is set).
    """

    abstain: Probability | None = None
    positive_class: str | None = None
    operating_point: Probability | None = None
    per_label: dict[str, Probability] = {}


class Manifest(_StrictModel):
    """Everything about a model but its weights.

    temperature: logits are divided by it before softmax or sigmoid.  recipe, data, history and
    versions: records of the training as plain JSON data.  finished: training ran to its end.
    exported: of exported files, the export options and the parity with the original.
    weights: of weights learned elsewhere, which these are or began as, their name, source, licence
    and the SHA-256 of the file they came from, or of another model file its name and SHA-256; left
    out of the JSON where it is empty.
    weights_sha256: of the bytes of all tensors, hexadecimal; set when the file is written.
    """

    format_version: int = MANIFEST_VERSION
    network: Network
    labels: Annotated[tuple[str, ...], FailFast(), Field(min_length=1, max_length=MAX_LABELS)]
    task: Literal["single", "multi"] = "single"
    temperature: Annotated[float, Field(gt=0, le=1e30)] = 1.0
    thresholds: Thresholds = Thresholds()
    recipe: dict[str, Any] = {}
    data: dict[str, Any] = {}
    history: Annotated[tuple[dict[str, Any], ...], FailFast()] = ()
    versions: dict[str, Any] = {}
    finished: bool = True
    exported: dict[str, Any] | None = None
    weights: dict[str, str] = {}
    weights_sha256: str = ""

    @field_serializer("network")
    def _network(self, network: Network) -> dict[str, Any]:
        return network.to_data()

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        labels = set(self.labels)
        if len(labels) != len(self.labels):
            raise ValueError("a class name is repeated")
        thresholds = self.thresholds
        if not {*thresholds.per_label, *({thresholds.positive_class} - {None})} <= labels:
            raise ValueError("a threshold is for a class that is not in labels")
        return self

    @property
    def units(self) -> int:
        """Number of logits per image."""
        return self.network.output_units(len(self.labels), self.task)

    @property
    def activation(self) -> OutputActivation:
        """What turns logits into probabilities; always sigmoid for a multi-label model."""
        return "sigmoid" if self.task == "multi" else self.network.output.function

    def to_json(self) -> str:
        """Canonical JSON with sorted keys; it holds no time, path or host name."""
        return json.dumps(
            self.model_dump(mode="json", exclude=None if self.weights else {"weights"}),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
