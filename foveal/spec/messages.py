"""Pydantic's errors become sentences: where, what was received, what is allowed, the nearest name.

Knows nothing of YAML; a document passes the line of each place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from foveal.spec.layers import LAYER_TYPES
from foveal.spec.values import Value
from foveal.text import nearest

DataPath = tuple[str | int, ...]
"""The way to a place in plain data: keys and indexes."""
MAX_MESSAGES = 50
"""Mistakes told at once; the rest is counted."""


@dataclass(frozen=True)
class _Place:
    """Where an error lies: the way in the data, the value, the field, and its words."""

    path: DataPath
    model: type[BaseModel] | None
    field: str | None
    words: str
    received: Any


def validation_messages(
    model: type[BaseModel],
    error: ValidationError,
    data: Any,
    name: str = "",
    line: Callable[[DataPath], int] = lambda _: 0,
) -> list[str]:
    """One sentence a mistake, in the order of their lines; `name`: lines of which file."""
    told: dict[tuple[DataPath, str | None, str], tuple[int, str]] = {}
    for item in error.errors(include_url=False):
        place = _place(model, item["loc"], data)
        if not _follows(item):
            told.setdefault(_key(place, item["type"]), (line(place.path), _sentence(place, item)))
    found = [
        f"{name}:{number}: {sentence}" if name else sentence
        for number, sentence in sorted(told.values(), key=lambda item: item[0])
    ]
    if len(found) > MAX_MESSAGES:
        found[MAX_MESSAGES:] = [f"and {len(found) - MAX_MESSAGES} more mistakes"]
    return found


def _follows(item: Any) -> bool:
    """Whether a list is only too short because its own items are wrong (these are told)."""
    return bool(item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"])


def _key(place: _Place, kind: str) -> tuple[DataPath, str | None, str]:
    return place.path, place.field, "key" if kind in ("extra_forbidden", "missing") else ""


def _place(model: type[BaseModel], loc: Sequence[str | int], data: Any) -> _Place:
    """Follow pydantic's location, skipping its own words for unions and short forms."""
    at: type[BaseModel] | None = model
    path: list[str | int] = []
    numbers: list[int] = []
    words, field = model.__name__.lower(), None
    kind = getattr(model, "kind", None)
    if kind is not None:
        words = kind
    for part in loc:
        if isinstance(part, int):
            if isinstance(data, list | tuple) and part < len(data):
                data = data[part]
                path.append(part)
            if at is None:
                numbers.append(part + 1)
                words = f"layer {'.'.join(map(str, numbers))}"
            continue
        if at is None and part in LAYER_TYPES:
            at, field = LAYER_TYPES[part], None
            words = f"layer {'.'.join(map(str, numbers))} ({part})"
        elif at is not None and field is None:
            at, field, words = _descend(at, part, words)
        if isinstance(data, dict) and part in data:
            data = data[part]
            path.append(part)
    return _Place(tuple(path), at, field, words, data)


def _descend(
    model: type[BaseModel], part: str, words: str
) -> tuple[type[BaseModel] | None, str | None, str]:
    """One field deeper: into a value of its own, into a list of layers, or to a plain field."""
    if part in ("layers", "branches") and part in model.model_fields:
        return None, None, words
    known = model.model_fields.get(part)
    inner = known.annotation if known is not None else None
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return inner, None, part
    return model, part, words


def _sentence(place: _Place, item: Any) -> str:
    model, field = place.model, place.field
    if item["type"] == "value_error":
        message = str(item["ctx"]["error"])
        return f"{place.words}: {message}" if place.words != "network" else message
    if item["type"] == "extra_forbidden" and model is not None:
        if field is not None and issubclass(model, Value) and field in model.former_names:
            return f"{place.words}: '{field}' is now '{model.former_names[field]}'"
        names = list(model.model_fields)
        return (
            f"{place.words}: received the key {format_received(field)}"
            f"{nearest(str(field), names)}; "
            + (f"allowed are {', '.join(names)}" if names else "it takes none")
        )
    if model is None and item["type"] == "too_short":
        least = item["ctx"]["min_length"]
        return f"{place.words}: received a list of {len(item['input'])}; give at least {least}"
    if model is None and item["type"] == "too_long":
        most = item["ctx"]["max_length"]
        return f"{place.words}: received a list of {len(item['input'])}; give at most {most}"
    if item["type"] == "missing":
        return f"{place.words}: {field or 'layers'} is missing; give {_allowed(model, field)}"
    if model is None and item["type"].startswith("union_tag"):
        return _layer(place)
    if model is None:
        return (
            f"{place.words}: received {format_received(place.received)}; "
            "allowed is a list of layers"
        )
    if field is None:
        return (
            f"{place.words}: received {format_received(place.received)}; "
            f"allowed are the keys {', '.join(model.model_fields)}"
        )
    schema = _schema(model, field)
    near = nearest(place.received, _words(schema)) if isinstance(place.received, str) else ""
    return (
        f"{place.words}: {field} received {format_received(place.received)}{near}; "
        f"allowed is {describe_schema(schema)}"
    )


def _layer(place: _Place) -> str:
    received = place.received
    if isinstance(received, dict) and len(received) == 1:
        received = next(iter(received))
    if isinstance(received, str):
        return (
            f"{place.words}: received {format_received(received)}"
            f"{nearest(received, list(LAYER_TYPES))}; allowed are {', '.join(LAYER_TYPES)}"
        )
    return (
        f"{place.words}: received {format_received(received)}; allowed is one layer's name, "
        "alone or as the only key of its values"
    )


def _allowed(model: type[BaseModel] | None, field: str | None) -> str:
    if model is None or field is None:
        return "a list of layers"
    return describe_schema(_schema(model, field))


def _schema(model: type[BaseModel], field: str) -> dict[str, Any]:
    if field in ("layers", "branches"):
        return {"type": "array", "description": "a list of layers"}
    schema: dict[str, Any] = model.model_json_schema()["properties"].get(field, {})
    return schema


def _words(schema: dict[str, Any]) -> list[str]:
    own = [word for word in schema.get("enum", [schema.get("const")]) if isinstance(word, str)]
    return own + [word for part in schema.get("anyOf", []) for word in _words(part)]


def describe_schema(schema: dict[str, Any]) -> str:
    """What a JSON Schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(describe_schema(part) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    if kind == "array":
        return str(schema.get("description") or _list(schema))
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range(schema)
    return {"boolean": "true or false", "null": "null", "string": "text"}.get(str(kind), "a value")


def _list(schema: dict[str, Any]) -> str:
    inner = schema.get("items") or next(iter(schema.get("prefixItems", [])), None)
    return f"a list, each {describe_schema(inner)}" if inner else "a list"


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if abs(high) < 1e6 else f" of at least {low:g}"
    words = [
        f"{word} {schema[name]:g}"
        for name, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if name in schema
    ]
    return f" {' and '.join(words)}" if words else ""


def format_received(value: Any) -> str:
    """What was received, short enough for a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping of " + (f"{len(value)} keys" if len(value) != 1 else "one key")
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
