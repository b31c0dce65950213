"""What a model file says about itself beside its weights: one frozen value, checked when read.

Knows nothing of bytes on the disk or of torch.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, field_serializer, model_validator

from foveal.model.detect import FORMAT, MAX_LABELS
from foveal.spec.network import Network

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Thresholds(_Part):
    """When an answer counts.

    abstain: least largest probability; below it the model says it does not know.
    positive_class, operating_point: with two classes, the class that is answered as soon as its
    probability reaches the point (0..1).  per_label: with several labels an image, the
    probability from which each is given (0.5 where it is not named).
    """

    abstain: Share | None = None
    positive_class: str | None = None
    operating_point: Share | None = None
    per_label: dict[str, Share] = {}


class Manifest(_Part):
    """Everything about a model but its weights.

    temperature: logits are divided by it before softmax or sigmoid.  recipe, data, history and
    versions are records of the training, kept as plain data.  finished: training came to its end.
    exported: for exported files, how they were made and how they agree with the original.
    weights_sha256: of the bytes of all tensors, in hexadecimal; filled in when written.
    """

    format_version: int = FORMAT
    network: Network
    labels: Annotated[tuple[str, ...], FailFast(), Field(min_length=1, max_length=MAX_LABELS)]
    task: Literal["single", "multi"] = "single"
    temperature: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    thresholds: Thresholds = Thresholds()
    recipe: dict[str, Any] = {}
    data: dict[str, Any] = {}
    history: Annotated[tuple[dict[str, Any], ...], FailFast()] = ()
    versions: dict[str, Any] = {}
    finished: bool = True
    exported: dict[str, Any] | None = None
    weights_sha256: str = ""

    @field_serializer("network")
    def _network(self, network: Network) -> dict[str, Any]:
        return network.to_data()

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        known = set(self.labels)
        if len(known) != len(self.labels):
            raise ValueError("a class name comes twice")
        named = set(self.thresholds.per_label) | ({self.thresholds.positive_class} - {None})
        if not named <= known:
            raise ValueError("a threshold is for a class that is not there")
        return self

    @property
    def units(self) -> int:
        """Logits the network gives an image."""
        return self.network.units(len(self.labels), self.task)

    @property
    def activation(self) -> Literal["softmax", "sigmoid"]:
        """What turns logits into probabilities; several labels an image are always sigmoid."""
        return "sigmoid" if self.task == "multi" else self.network.output.function

    def to_json(self) -> str:
        """The canonical text: keys sorted, nothing of the clock, the path or the host."""
        return json.dumps(
            self.model_dump(mode="json"),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
