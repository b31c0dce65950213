"""Turns pydantic's errors into messages: where, what was received, what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, Tag, ValidationError

from foveal.text import did_you_mean, printable

DataPath = tuple[str | int, ...]
"""Keys and indexes that lead to a place in plain data."""
MAX_MESSAGES = 20
"""Mistakes that are listed; the others are counted."""
_ALLOWED = "; allowed are "
_BOUNDS = {
    "minimum": "at least {:g}",
    "exclusiveMinimum": "above {:g}",
    "maximum": "at most {:g}",
    "exclusiveMaximum": "below {:g}",
}
"""Bounds of JSON Schema in words, in the order in which they are named."""


@dataclass(frozen=True)
class Mistake:
    """One mistake: the sentence, its line (1-based, 0: unknown) and the layer it is in.

    layer: its number, such as (4, 2) for the second layer inside the fourth; empty outside.
    """

    text: str
    line: int = 0
    layer: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Location:
    """Where an error lies: path in the data, model, field, its name in messages, the value there.

    numbers: of the layer the error lies in.  layer_types: what the list of layers the error lies in
    may hold; empty outside such a list.
    """

    path: DataPath
    model: type[BaseModel]
    field: str | None
    label: str
    numbers: tuple[int, ...]
    received: Any
    layer_types: Mapping[str, type[BaseModel]]


def first_problem(error: ValidationError, whole: str) -> str:
    """Where data of a file are first wrong, and how, cut short; `whole`: where there is no place.

    What the file holds is not repeated, as anybody may have written it.
    """
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    location = printable(".".join(str(part) for part in problem["loc"])[:120])
    return f"{location or whole}: {problem['msg'][:200]}"


def format_mistakes(mistakes: Sequence[Mistake], file: str = "") -> list[str]:
    """One sentence per mistake; with `file` each begins with FILE:LINE.

    What is allowed instead is told once, where several mistakes are alike.
    """
    lines, told = [], set[str]()
    for mistake in mistakes:
        line = _located(mistake, file)
        received, _, allowed = line.partition(_ALLOWED)
        lines.append(received if allowed in told else line)
        if allowed:
            told.add(allowed)
    if len(lines) > MAX_MESSAGES:
        lines[MAX_MESSAGES:] = [f"and {len(lines) - MAX_MESSAGES} more mistakes"]
    return lines


def _located(mistake: Mistake, file: str) -> str:
    if not file:
        return mistake.text
    return f"{file}:{mistake.line}: {mistake.text}" if mistake.line else f"{file}: {mistake.text}"


def find_mistakes(
    model: type[BaseModel],
    error: ValidationError,
    data: Any,
    line: Callable[[DataPath], int] = lambda _: 0,
) -> list[Mistake]:
    """Every mistake once, sorted by line."""
    mistakes: dict[tuple[DataPath, str | None, str], Mistake] = {}
    for item in error.errors(include_url=False):
        location = _locate(model, item["loc"], data)
        if not _is_consequence(item):
            key = _identity(location, item["type"])
            found = Mistake(_message(location, item), line(location.path), location.numbers)
            mistakes.setdefault(key, found)
    return sorted(mistakes.values(), key=lambda mistake: mistake.line)


def _is_consequence(item: Any) -> bool:
    """Whether a list is only too short because its items are wrong, which have own messages."""
    return bool(item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"])


def _identity(location: _Location, kind: str) -> tuple[DataPath, str | None, str]:
    """Of the errors of a union's members at one place the first is enough."""
    about = "key" if kind in ("extra_forbidden", "missing") else ""
    return location.path, location.field, about


def _locate(model: type[BaseModel], loc: Sequence[str | int], data: Any) -> _Location:
    """Follow pydantic's location, without the parts that name unions and short forms."""
    path: list[str | int] = []
    numbers: list[int] = []
    label: str = getattr(model, "kind", model.__name__.lower())
    field: str | None = None
    layer_types: Mapping[str, type[BaseModel]] = {}
    for part in loc:
        if isinstance(part, int):
            if isinstance(data, list | tuple) and part < len(data):
                data = data[part]
                path.append(part)
            if layer_types:
                numbers.append(part + 1)
                label = f"layer {_dotted(numbers)}"
            continue
        if part in layer_types:
            model, field, layer_types = layer_types[part], None, {}
            label = f"layer {_dotted(numbers)} ({part})"
        elif not layer_types and field is None:
            layer_types = nested_layer_types(model, part)
            nested = _nested_model(model, part)
            if nested is not None:
                model, label = nested, part
            else:
                field = part
        if isinstance(data, dict) and part in data:
            data = data[part]
            path.append(part)
    return _Location(tuple(path), model, field, label, tuple(numbers), data, layer_types)


def _dotted(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))


def _nested_model(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    field = model.model_fields.get(name)
    annotation: Any = field.annotation if field is not None else None
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


@cache
def nested_layer_types(model: type[BaseModel], name: str) -> Mapping[str, type[BaseModel]]:
    """Tag -> class of what the lists in the field `name` may hold; empty where it has no lists."""
    field = model.model_fields.get(name)
    return dict(_tagged_types(field.annotation)) if field is not None else {}


def _tagged_types(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    for argument in get_args(annotation):
        metadata = getattr(argument, "__metadata__", ())
        tag = next((item.tag for item in metadata if isinstance(item, Tag)), None)
        if tag is None:
            yield from _tagged_types(argument)
        else:
            yield tag, argument.__origin__


def _message(location: _Location, item: Any) -> str:
    model, field, label, kind = location.model, location.field, location.label, item["type"]
    received = format_received(location.received)
    if kind == "value_error":
        message = str(item["ctx"]["error"])
        return f"{label}: {message}" if label != "network" else message
    if kind == "missing":
        return f"{label}: {field} is missing; give {describe_schema(_schema(model, field))}"
    if location.layer_types:
        return f"{label}: {_layers_message(location, item)}"
    if kind == "extra_forbidden":
        return f"{label}: {_unknown_key(model, str(field))}"
    if field is None:
        keys = ", ".join(model.model_fields)
        if not keys:
            return f"{label}: received {received}; it takes none"
        return f"{label}: received {received}; allowed are the keys {keys}"
    schema = _schema(model, field)
    words = _words(schema) if isinstance(location.received, str) else []
    return (
        f"{label}: {field} received {received}{did_you_mean(str(location.received), words)}; "
        f"allowed is {describe_schema(schema)}"
    )


def _unknown_key(model: type[BaseModel], key: str) -> str:
    former: Mapping[str, str] = getattr(model, "former_names", {})
    if key in former:
        return f"'{key}' is now '{former[key]}'"
    names = list(model.model_fields)
    allowed = f"allowed are {', '.join(names)}" if names else "it takes none"
    return f"received the key {format_received(key)}{did_you_mean(key, names)}; {allowed}"


def _layers_message(location: _Location, item: Any) -> str:
    if item["type"] == "too_short":
        return f"received a list of {len(item['input'])}; give at least {item['ctx']['min_length']}"
    if item["type"] == "too_long":
        return f"received a list of {len(item['input'])}; give at most {item['ctx']['max_length']}"
    received = location.received
    if not item["type"].startswith("union_tag"):
        return f"received {format_received(received)}; allowed is a list of layers"
    if isinstance(received, dict) and len(received) == 1:
        received = next(iter(received))
    if isinstance(received, str):
        names = list(location.layer_types)
        return (
            f"received {format_received(received)}{did_you_mean(received, names)}; "
            f"allowed are {', '.join(names)}"
        )
    return (
        f"received {format_received(received)}; allowed is one layer's name, "
        "alone or as the only key of its values"
    )


def _schema(model: type[BaseModel], field: str | None) -> dict[str, Any]:
    if field is None or nested_layer_types(model, field):
        return {"type": "array", "description": "a list of layers"}
    return field_schema(model, field)


def field_schema(model: type[BaseModel], field: str) -> dict[str, Any]:
    """JSON Schema of one field, not to be altered; empty where there is none."""
    return _field_schemas(model).get(field, {})


@cache
def _field_schemas(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    schema = model.model_json_schema()
    own = schema["$defs"][model.__name__] if "$ref" in schema else schema  # it holds its own kind
    properties: dict[str, dict[str, Any]] = own["properties"]
    return properties


def _words(schema: dict[str, Any]) -> list[str]:
    """The words a schema allows."""
    own = [word for word in schema.get("enum", [schema.get("const")]) if isinstance(word, str)]
    return own + [word for part in schema.get("anyOf", []) for word in _words(part)]


def describe_schema(schema: dict[str, Any]) -> str:
    """What a JSON Schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(describe_schema(part) for part in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    if kind == "array":
        return str(schema.get("description") or _describe_list(schema))
    if kind in ("integer", "number"):
        return _describe_number("a whole number" if kind == "integer" else "a number", schema)
    return {"boolean": "true or false", "null": "null", "string": "text"}.get(str(kind), "a value")


def _describe_list(schema: dict[str, Any]) -> str:
    inner = schema.get("items") or next(iter(schema.get("prefixItems", [])), None)
    return f"a list, each {describe_schema(inner)}" if inner else "a list"


def _describe_number(noun: str, schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        whole = abs(high) < 1e6
        return f"{noun} from {low:g} to {high:g}" if whole else f"{noun} of at least {low:g}"
    bounds = [bound.format(schema[name]) for name, bound in _BOUNDS.items() if name in schema]
    return f"{noun} {' and '.join(bounds)}" if bounds else noun


def format_received(value: Any) -> str:
    """What was received, in at most 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping of one key" if len(value) == 1 else f"a mapping of {len(value)} keys"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
