"""The frozen pydantic base every spec value shares, and the number types they are made of.

Knows nothing of layers, networks or recipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

MAX_SIDE = 8192
MAX_CHANNELS = 65_536


class Value(BaseModel):
    """A frozen value that refuses unknown keys and silent type conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
    former_names: ClassVar[Mapping[str, str]] = {}
    """Fields that were renamed: the former name and the present one, for the message."""

    def __init__(self, **fields: Any) -> None:
        """Raise SpecError with one sentence a mistake, not pydantic's own error."""
        try:
            super().__init__(**fields)
        except ValidationError as error:
            from foveal.errors import SpecError
            from foveal.spec.messages import validation_messages

            raise SpecError(validation_messages(type(self), error, fields)) from None

    # Read from data, a value goes through pydantic alone, which collects all mistakes at once.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


def list_to_tuple(value: Any) -> Any:
    """A list as the tuple that a frozen value holds; anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _to_pair(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return list_to_tuple(value)


def fixed_list_schema(item: dict[str, Any], *names: str) -> dict[str, Any]:
    """JSON Schema of a list with one `item` a name, described as [name, name]."""
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
Pair = Annotated[
    tuple[Positive, Positive],
    BeforeValidator(_to_pair),
    WithJsonSchema(
        {"anyOf": [POSITIVE_SCHEMA, fixed_list_schema(POSITIVE_SCHEMA, "height", "width")]}
    ),
]
"""[height, width]; a single number means both."""
