"""What is searched: a range or a list of values for recipe keys, the network and the input's side.

The default space surrounds the values that Foveal chose for this data; see docs/search.md for why
these keys and not others.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, create_model, model_validator

from foveal.errors import SpecError
from foveal.spec import yaml
from foveal.spec.recipe import Recipe
from foveal.spec.values import Value, list_to_tuple

Scalar = bool | int | float | str
OTHER_KEYS = ("network", "size")
"""Searched beside recipe keys: a preset or a file, and the side of the input in pixels."""
DESIGNED = "auto"
"""The network that Foveal designs, among those that are searched."""
MIN_SIDE = 8
UNEQUAL_CLASSES = 1.5
"""Class balance is searched where the largest class has so many times the images of the least."""


class Range(Value):
    """Numbers from low to high, both included; log: each factor is as likely."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}: give a smaller low")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low:g}: with log it must be above 0")
        return self


Choices = Annotated[
    tuple[Scalar, ...], BeforeValidator(list_to_tuple), Field(min_length=1, max_length=100)
]


class _SearchSpace(Value):
    """What is searched for each key; None: it is chosen as usual."""

    @property
    def entries(self) -> dict[str, Range | tuple[Scalar, ...]]:
        """The keys that are searched."""
        values = ((key, getattr(self, key)) for key in type(self).model_fields)
        return {key: value for key, value in values if value is not None}


_KEYS = (*Recipe.model_fields, *OTHER_KEYS)
_FIELDS: dict[str, Any] = dict.fromkeys(_KEYS, (Range | Choices | None, None))
SearchSpace = create_model("SearchSpace", __base__=_SearchSpace, **_FIELDS)


def read_space(path: Path) -> _SearchSpace:
    """The space a YAML file holds; raises SpecError with every mistake, UsageError for no file."""
    space = yaml.load_yaml(path, SearchSpace)
    problems = [
        f"{path}: {key}: {problem}"
        for key, values in space.entries.items()
        for value in (ends_of(key, values) if isinstance(values, Range) else values)
        for problem in _refused(key, value)
    ]
    problems += [
        f"{path}: {key}: no whole number lies from {values.low:g} to {values.high:g}"
        for key, values in space.entries.items()
        if isinstance(values, Range) and operator.gt(*ends_of(key, values))
    ]
    if problems:
        raise SpecError(problems)
    if not space.entries:
        raise SpecError([f"{path}: names no key to search; give one, such as learning_rate"])
    return space


def default_space(
    recipe: Recipe,
    *,
    class_counts: Mapping[str, int],
    size: int | None = None,
    sizes: tuple[str, ...] = (),
) -> _SearchSpace:
    """The space around `recipe`, in which every value was chosen.

    size: of the input in pixels, None: it is not searched.  sizes: presets of smaller and larger
    networks, with the one that was chosen among them.
    """
    assert recipe.learning_rate is not None
    assert recipe.batch_size is not None
    space: dict[str, Range | tuple[Scalar, ...]] = {
        "learning_rate": Range(
            low=_round(recipe.learning_rate / 4), high=_round(recipe.learning_rate * 4), log=True
        ),
        "batch_size": _around(recipe.batch_size, (0.5, 1, 2), 1),
        "random_crop": _with(recipe.random_crop or 1.0, (0.35, 0.6, 1.0)),
        "rotation_degrees": _with(recipe.rotation_degrees or 0.0, (0.0, 15.0)),
        "mixup_alpha": _with(recipe.mixup_alpha, (0.0, 0.2)),
    }
    if size is not None and size >= 64:
        space["size"] = _around(size, (0.75, 1, 1.25), 16)
    counts = [count for count in class_counts.values() if count]
    if counts and max(counts) > UNEQUAL_CLASSES * min(counts):
        space["class_balance"] = _with(recipe.class_balance, ("none", "class_weights", "sampling"))
    if len(sizes) > 1:
        space["network"] = sizes
    if recipe.layer_decay is not None and recipe.fine_tune != "off":
        space["layer_decay"] = Range(low=0.6, high=1.0)
    return SearchSpace(**space)


def _around(value: int, factors: tuple[float, ...], step: int) -> tuple[int, ...]:
    return tuple(
        sorted({max(step, round(value * factor / step) * step) for factor in factors} | {value})
    )


def _with(value: Scalar, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    return values if value in values else (*values, value)


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def format_values(values: Mapping[str, Scalar]) -> str:
    """`learning_rate 0.002, batch_size 32`: the values of a trial for a line of text."""
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )


def ends_of(key: str, values: Range) -> tuple[int, int] | tuple[float, float]:
    """Low and high of a range, as whole numbers where the key takes no others."""
    if is_whole(key):
        return math.ceil(values.low), math.floor(values.high)
    return values.low, values.high


def is_whole(key: str) -> bool:
    """Whether a key takes whole numbers only."""
    return key == "size" or any("whole" in problem for problem in _refused(key, 1.5))


def _refused(key: str, value: Scalar) -> list[str]:
    """Why the recipe would refuse a value."""
    if key == "size":
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= MIN_SIDE
        return [] if fits else [f"{value!r} is not a side in pixels; give {MIN_SIDE} or more"]
    if key == "network":
        return [] if isinstance(value, str) else [f"{value!r} is not the name of a network"]
    try:
        Recipe.model_validate({key: value})
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        if first["type"].startswith("int_"):
            return [f"{value!r} is not a whole number"]
        return [f"{value!r} is refused: {first['msg']}"]
    return []
