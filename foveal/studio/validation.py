"""What is wrong with values that were received, in one sentence."""

from __future__ import annotations

from pydantic import ValidationError


def first_reason(error: ValidationError) -> str:
    """The first thing that is wrong and where; without a place, for a value as a whole."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
