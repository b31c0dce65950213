"""The frozen pydantic bases of everything a person may write, and the types their fields have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from foveal.errors import SpecError
from foveal.spec.messages import find_mistakes, format_mistakes
from foveal.text import plural

MAX_SIDE = 8192
MAX_CHANNELS = 65_536
MAX_LAYERS = 4096
MAX_LISTED_LAYERS = 1024
"""In one list of layers; a network may have MAX_LAYERS in all its lists."""
MAX_BRANCHES = 64
MAX_COEFFICIENT = 1e5
"""Of what a layer multiplies by or pads with: torch refuses numbers that fp32 cannot hold."""

OutputActivation = Literal["softmax", "sigmoid"]
"""What turns the logits of the output layer into probabilities."""
Task = Literal["single", "multi"]
"""`single`: every image has exactly one label; `multi`: it may have several, or none."""


class Value(BaseModel):
    """A frozen value that refuses unknown keys and silent type conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
    former_names: ClassVar[Mapping[str, str]] = {}
    """Fields that were renamed: the former name and the present one, for the message."""

    def __init__(self, **fields: Any) -> None:
        """Raise SpecError with one message per mistake, not pydantic's own error."""
        try:
            super().__init__(**fields)
        except ValidationError as error:
            mistakes = find_mistakes(type(self), error, fields)
            raise SpecError(format_mistakes(mistakes)) from None

    # Read from data, a value goes through pydantic alone, which collects all mistakes at once.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class Layer(Value):
    """A step of the network; `kind` is its YAML name, `shorthand` the field its short form sets."""

    kind: ClassVar[str]
    shorthand: ClassVar[str | None] = None

    def __init__(self, *positional: Any, **fields: Any) -> None:
        """`Conv(32)` is `Conv(channels=32)`: one positional value fills the field `shorthand`."""
        if positional:
            if self.shorthand is None or len(positional) > 1 or self.shorthand in fields:
                allowed = f"give {self.shorthand} first" if self.shorthand else "give none"
                received = plural(len(positional), "positional value")
                raise SpecError(
                    [f"{self.kind}: received {received}; {allowed} and everything else by name"]
                )
            fields[self.shorthand] = positional[0]
        super().__init__(**fields)

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # see Value

    def nested_branches(self) -> Iterator[tuple[Layer, ...]]:
        """The branches of layers inside this one (none for a plain layer)."""
        return iter(())

    def to_data(self) -> Any:
        """The shortest YAML data that reads back as this layer."""
        body = {
            name: _shortest_data(value)
            for name, value in self
            if value != type(self).model_fields[name].default
        }
        if not body:
            return self.kind
        if self.shorthand is not None and set(body) == {self.shorthand}:
            return {self.kind: body[self.shorthand]}
        return {self.kind: body}


def _shortest_data(value: Any) -> Any:
    if isinstance(value, Layer):
        return value.to_data()
    if not isinstance(value, tuple):
        return value
    if isinstance(value[0], int) and len(set(value)) == 1:
        return value[0]
    return [_shortest_data(item) for item in value]


def list_to_tuple(value: Any) -> Any:
    """A list as the tuple that a frozen value holds; anything else unchanged."""
    return tuple(value) if isinstance(value, list) else value


def _to_pair(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return list_to_tuple(value)


def _to_four_sides(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * 4
    if isinstance(value, list | tuple):
        return (value[0], value[0], value[1], value[1]) if len(value) == 2 else tuple(value)
    return value


def fixed_list_schema(item: dict[str, Any], *names: str) -> dict[str, Any]:
    """JSON Schema of a list with one `item` per name, described as [name, name]."""
    return {
        "type": "array",
        "items": item,
        "minItems": len(names),
        "maxItems": len(names),
        "description": f"[{', '.join(names)}]",
    }


NATURAL_SCHEMA = {"type": "integer", "minimum": 0, "maximum": MAX_SIDE}
POSITIVE_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}

Positive = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Natural = Annotated[int, Field(ge=0, le=MAX_SIDE)]
Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Coefficient = Annotated[float, Field(ge=-MAX_COEFFICIENT, le=MAX_COEFFICIENT)]
Pair = Annotated[
    tuple[Positive, Positive],
    BeforeValidator(_to_pair),
    WithJsonSchema(
        {"anyOf": [POSITIVE_SCHEMA, fixed_list_schema(POSITIVE_SCHEMA, "height", "width")]}
    ),
]
"""[height, width]; a single number means both."""
FourSides = Annotated[
    tuple[Natural, Natural, Natural, Natural],
    BeforeValidator(_to_four_sides),
    WithJsonSchema(
        {
            "anyOf": [
                NATURAL_SCHEMA,
                fixed_list_schema(NATURAL_SCHEMA, "height", "width"),
                fixed_list_schema(NATURAL_SCHEMA, "top", "bottom", "left", "right"),
            ]
        }
    ),
]
"""[top, bottom, left, right] in cells; one number means all four, two mean [height, width]."""
PaddingMode = Literal["constant", "reflect", "replicate", "circular"]
