"""The JSON Schema of a network's YAML, from the same classes the reader uses.

Editors complete and check network files with it.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

from foveal.spec.layers import LAYER_TYPES, Layer
from foveal.spec.messages import field_schema
from foveal.spec.network import NETWORK_FORMAT, Network
from foveal.spec.preprocess import Input, Preprocess
from foveal.spec.values import MAX_BRANCHES, MAX_LISTED_LAYERS

_LAYER_LIST = {
    "type": "array",
    "items": {"$ref": "#/$defs/layer"},
    "minItems": 1,
    "maxItems": MAX_LISTED_LAYERS,
}
_BRANCH_LIST = {"type": "array", "items": _LAYER_LIST, "minItems": 2, "maxItems": MAX_BRANCHES}


def network_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a network document; short and long forms are both allowed."""
    layers: dict[str, Any] = {kind: _layer_schema(cls) for kind, cls in LAYER_TYPES.items()}
    names_alone = [kind for kind, cls in LAYER_TYPES.items() if not _required(cls)]
    layer = {
        "anyOf": [
            {"enum": names_alone},
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
            "input": _value_schema(Input),
            "preprocess": _value_schema(Preprocess),
            "layers": {**_LAYER_LIST, "description": "The layers in order; the last is output."},
        },
        "required": ["layers"],
        "additionalProperties": False,
        "$defs": {"layer": layer, **layers},
    }


def _required(cls: type[Layer]) -> list[str]:
    return [name for name, field in cls.model_fields.items() if field.is_required()]


def _value_schema(cls: type[Input] | type[Preprocess]) -> dict[str, Any]:
    return {**cls.model_json_schema(), "description": inspect.getdoc(cls)}


def _layer_schema(cls: type[Layer]) -> dict[str, Any]:
    properties = {name: _property_schema(cls, name) for name in cls.model_fields}
    long_form = {
        "type": "object",
        "properties": properties,
        "required": _required(cls),
        "additionalProperties": False,
    }
    forms = [long_form]
    if cls.shorthand is not None:
        forms.insert(0, properties[cls.shorthand])
    if not _required(cls):
        forms.append({"type": "null"})
    return {"description": inspect.getdoc(cls), "anyOf": forms}


def _property_schema(cls: type[Layer], name: str) -> dict[str, Any]:
    if name in ("layers", "branches"):
        return _LAYER_LIST if name == "layers" else _BRANCH_LIST
    return field_schema(cls, name)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(network_schema(), indent=2, ensure_ascii=False) + "\n")
