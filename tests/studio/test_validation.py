"""The first thing that is wrong, with its place."""

import pytest
from pydantic import BaseModel, RootModel, ValidationError, field_validator

from foveal.studio.validation import first_reason


class Inner(BaseModel):
    sizes: list[int]

    @field_validator("sizes")
    @classmethod
    def few(cls, value):
        if len(value) > 1:
            raise ValueError("one is enough")
        return value


class Outer(BaseModel):
    inner: Inner


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (Outer, {"inner": {"sizes": [1, 2]}}, "inner.sizes: one is enough"),
        (Outer, {"inner": {"sizes": ["x"]}, "more": 1}, "inner.sizes.0: Input should be a valid "
         "integer, unable to parse string as an integer"),
        (RootModel[int], None, "Input should be a valid integer"),
    ],
)  # fmt: skip
def test_the_place_and_the_message(kind, value, reason):
    with pytest.raises(ValidationError) as raised:
        kind.model_validate(value)
    assert first_reason(raised.value) == reason
