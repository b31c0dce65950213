"""The JSON Schema of a network's YAML, from the same definition the reader uses.

Editors complete and check network files with it. Knows nothing of reading or shapes.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

from foveal.spec.layers import LAYER_TYPES, Layer
from foveal.spec.network import NETWORK_FORMAT, Network
from foveal.spec.preprocess import Input, Preprocess

_LIST = {"type": "array", "items": {"$ref": "#/$defs/layer"}, "minItems": 1, "maxItems": 1024}
_BRANCHES = {"type": "array", "items": _LIST, "minItems": 2, "maxItems": 64}


def network_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a network document; short and long forms are both allowed."""
    kinds: dict[str, Any] = {kind: _layer(cls) for kind, cls in LAYER_TYPES.items()}
    alone = [kind for kind, cls in LAYER_TYPES.items() if not _needs(cls)]
    layer = {
        "anyOf": [
            {"enum": alone},
            {
                "type": "object",
                "properties": {kind: {"$ref": f"#/$defs/{kind}"} for kind in LAYER_TYPES},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            },
        ]
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Foveal network, format {NETWORK_FORMAT}",
        "description": inspect.getdoc(Network),
        "type": "object",
        "properties": {
            "input": _plain(Input),
            "preprocess": _plain(Preprocess),
            "layers": {**_LIST, "description": "The layers in order; the last is output."},
        },
        "required": ["layers"],
        "additionalProperties": False,
        "$defs": {"layer": layer, **kinds},
    }


def _needs(cls: type[Layer]) -> list[str]:
    return [name for name, field in cls.model_fields.items() if field.is_required()]


def _plain(cls: type[Input] | type[Preprocess]) -> dict[str, Any]:
    made = cls.model_json_schema()
    return {**made, "description": inspect.getdoc(cls)}


def _layer(cls: type[Layer]) -> dict[str, Any]:
    properties = {name: _property(cls, name) for name in cls.model_fields}
    long = {
        "type": "object",
        "properties": properties,
        "required": _needs(cls),
        "additionalProperties": False,
    }
    forms = [long] if cls.shorthand is None else [properties[cls.shorthand], long]
    if not _needs(cls):
        forms.append({"type": "null"})
    return {"description": inspect.getdoc(cls), "anyOf": forms}


def _property(cls: type[Layer], name: str) -> dict[str, Any]:
    if name in ("layers", "branches"):
        return _LIST if name == "layers" else _BRANCHES
    made: dict[str, Any] = cls.model_json_schema()["properties"][name]
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps(network_schema(), indent=2, ensure_ascii=False) + "\n")
