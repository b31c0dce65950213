"""The frozen pydantic base every spec value shares, and the number types they are made of.

Knows nothing of layers, networks or recipes.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MAX_SIDE = 8192
MAX_CHANNELS = 65_536


class Value(BaseModel):
    """A frozen value that refuses unknown keys and silent type conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


def _pair(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


Positive = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Natural = Annotated[int, Field(ge=0, le=MAX_SIDE)]
Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Pair = Annotated[tuple[Positive, Positive], BeforeValidator(_pair)]
"""[height, width]; a single number means both."""
