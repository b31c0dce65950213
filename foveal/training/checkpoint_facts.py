"""What a checkpoint says beside its tensors: the plan of the run and its position, each checked.

Whoever can write a checkpoint can compute its digest, so nothing is used before this. No torch.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from foveal.errors import TrainingError
from foveal.spec.messages import first_problem
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training.position import Count, RunPosition

_Seconds = Annotated[float, Field(ge=0)]
_WITH_MORE = with_config(ConfigDict(extra="allow", allow_inf_nan=False, strict=True))
_WHOLE = with_config(ConfigDict(extra="forbid", allow_inf_nan=False, strict=True))


@_WHOLE
class _Chosen(TypedDict):
    key: str
    value: Any
    reason: str


@_WHOLE
class _Timing(TypedDict):
    step_seconds: _Seconds
    val_image_seconds: _Seconds
    memory_bytes: Count
    start_cost: _Seconds | None
    final_image_seconds: NotRequired[_Seconds | None]


@_WITH_MORE
class _Start(TypedDict):
    name: str
    weights: NotRequired[dict[str, Any]]


@_WITH_MORE
class _Plan(TypedDict):
    network: Network
    recipe: Recipe
    seed: Annotated[int, Field(ge=0)]
    classes: Annotated[list[str], Field(min_length=1)]
    task: Literal["single", "multi"]
    data: str
    start_from: NotRequired[_Start]
    minutes: Annotated[float, Field(gt=0)] | None
    chosen: list[_Chosen]
    machine: dict[str, str | int | list[str] | None]
    max_steps: Count | None
    timing: _Timing
    streamed: NotRequired[bool]
    feature_seconds: NotRequired[_Seconds]


@_WITH_MORE
class _Facts(TypedDict):
    plan: _Plan
    position: RunPosition


_FACTS = TypeAdapter(_Facts)


def check_facts(facts: object) -> None:
    """Raise TrainingError where JSON data is not that of a checkpoint: a reason, not a sentence."""
    try:
        _FACTS.validate_json(json.dumps(facts, allow_nan=False), strict=True)
    except ValidationError as error:
        raise TrainingError(first_problem(error, "its data")) from error
    except (ValueError, RecursionError) as error:
        raise TrainingError("its data cannot be parsed") from error
