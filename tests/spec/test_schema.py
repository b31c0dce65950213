"""The published JSON Schema is current and accepts what the reader accepts."""

import json
from pathlib import Path

import pytest

from foveal.network.presets import load_preset, preset_names
from foveal.spec import yaml
from foveal.spec.layers import LAYER_TYPES
from foveal.spec.schema import network_schema

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "network.schema.json"


def accepts(data, part, whole):
    """A small validator for the words this schema uses; enough to hold it to its promise."""
    if "$ref" in part:
        return accepts(data, whole["$defs"][part["$ref"].rsplit("/", 1)[-1]], whole)
    if "anyOf" in part:
        return any(accepts(data, one, whole) for one in part["anyOf"])
    if "enum" in part:
        return data in part["enum"]
    if "const" in part:
        return data == part["const"]
    match part.get("type"):
        case "object":
            if not isinstance(data, dict) or not set(part.get("required", [])) <= set(data):
                return False
            if not part.get("minProperties", 0) <= len(data) <= part.get("maxProperties", 99):
                return False
            known = part["properties"]
            return set(data) <= set(known) and all(
                accepts(value, known[key], whole) for key, value in data.items()
            )
        case "array":
            if not isinstance(data, list):
                return False
            if not part.get("minItems", 0) <= len(data) <= part.get("maxItems", 10**6):
                return False
            inner = part.get("prefixItems") or [part.get("items", {})] * len(data)
            return all(accepts(value, one, whole) for value, one in zip(data, inner, strict=False))
        case "integer":
            return (
                isinstance(data, int)
                and not isinstance(data, bool)
                and part.get("minimum", 0) <= data <= part.get("maximum", 10**9)
            )
        case "number":
            return isinstance(data, int | float) and not isinstance(data, bool)
        case "boolean":
            return isinstance(data, bool)
        case "null":
            return data is None
    return True


def test_the_published_schema_is_current():
    wanted = json.dumps(network_schema(), indent=2, ensure_ascii=False) + "\n"
    assert PUBLISHED.read_text() == wanted, (
        "write it again:  python -m foveal.spec.schema > docs/network.schema.json"
    )


@pytest.mark.parametrize("name", preset_names())
def test_presets_fit_the_schema(name):
    assert accepts(load_preset(name).to_data(), network_schema(), network_schema())


RIGHT = (
    "{conv: 8}",
    "{conv: {channels: 8, padding: [1, 1, 2, 0]}}",
    "relu",
    "{leaky_relu: 0.1}",
    "{conv: {channels: 8, kernel: [5, 3], groups: depthwise}}",
    "{relu: }",
    "{residual: [relu]}",
    "{concat: [[relu], [tanh]]}",
    "dropout",
    "{max_pool: {size: 2}}",
)
WRONG = (
    "conv",
    "{conv: 0}",
    "{conv: {kernel: 3}}",
    "{conv: {channels: 8, padding: sane}}",
    "{relu: 3}",
    "{conv: 3, relu: }",
    "rule",
    "{concat: [[relu]]}",
    "{residual: []}",
    "7",
)


@pytest.mark.parametrize("text", RIGHT)
def test_the_schema_accepts_both_forms(text):
    data = yaml.parse_data(f"layers: [{text}, output]", "x")
    assert accepts(data, network_schema(), network_schema())
    yaml.parse_yaml(f"layers: [{text}, output]", __import__("foveal").Network)


@pytest.mark.parametrize("text", WRONG)
def test_the_schema_refuses_what_the_reader_refuses(text):
    data = yaml.parse_data(f"layers: [{text}, output]", "x")
    assert not accepts(data, network_schema(), network_schema())


def test_every_layer_is_in_it_with_a_description():
    made = network_schema()
    for kind in LAYER_TYPES:
        assert made["$defs"][kind]["description"]
