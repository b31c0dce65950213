"""What every layer is: a frozen value with a YAML name and a short form; paddings a side.

Knows no particular layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, WithJsonSchema

from foveal.errors import SpecError
from foveal.spec.values import NATURAL_SCHEMA, Natural, Value, fixed_list_schema


def _to_four_sides(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * 4
    if isinstance(value, list | tuple):
        return (value[0], value[0], value[1], value[1]) if len(value) == 2 else tuple(value)
    return value


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


class Layer(Value):
    """A step of the network; `kind` is its YAML name, `short` the field its short form sets."""

    kind: ClassVar[str]
    shorthand: ClassVar[str | None] = None

    def __init__(self, *short: Any, **fields: Any) -> None:
        """`Conv(32)` is `Conv(channels=32)`: one positional value fills the field `short`."""
        if short:
            if self.shorthand is None or len(short) > 1 or self.shorthand in fields:
                alone = f"give {self.shorthand} first" if self.shorthand else "give no value"
                raise SpecError(
                    [
                        f"{self.kind}: received {len(short)} values without a name; "
                        f"{alone} and everything else by name"
                    ]
                )
            fields[self.shorthand] = short[0]
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
