"""The manifest: derived values, canonical JSON, and values that contradict each other."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from foveal.model.manifest import Manifest, Thresholds
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network


def manifest(labels=("a", "b"), function="softmax", **more) -> Manifest:
    network = Network(layers=(Flatten(), Output(function)))
    return Manifest(network=network, labels=labels, **more)


@pytest.mark.parametrize(
    ("value", "units", "activation"),
    [
        (manifest(), 2, "softmax"),
        (manifest(function="sigmoid"), 1, "sigmoid"),
        (manifest(("a", "b", "c")), 3, "softmax"),
        (manifest(("a", "b", "c"), "sigmoid", task="multi"), 3, "sigmoid"),
        (manifest(task="multi"), 2, "sigmoid"),
    ],
)
def test_units_and_activation(value: Manifest, units: int, activation: str) -> None:
    assert (value.units, value.activation) == (units, activation)


def test_json_is_canonical_and_complete() -> None:
    value = manifest(("고양이", "b"), thresholds=Thresholds(abstain=0.5), history=({"epoch": 1},))
    text = value.to_json()
    data = json.loads(text)
    assert text == json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert data["format_version"] == 2
    assert data.keys() == Manifest.model_fields.keys() - {"weights"}
    assert Manifest.model_validate_json(text) == value


def test_weights_learned_elsewhere_are_in_the_json_where_there_are_any() -> None:
    value = manifest(weights={"licence": "Apache-2.0"})
    assert json.loads(value.to_json())["weights"] == {"licence": "Apache-2.0"}
    assert Manifest.model_validate_json(value.to_json()) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("a", "a")}, "a class name is repeated"),
        (
            {"thresholds": Thresholds(per_label={"c": 0.5})},
            "a threshold is for a class that is not in labels",
        ),
        (
            {"thresholds": Thresholds(positive_class="c")},
            "a threshold is for a class that is not in labels",
        ),
    ],
)
def test_contradictions(change: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        manifest(**change)


def test_it_is_frozen_and_strict() -> None:
    with pytest.raises(ValidationError):
        manifest().temperature = 2.0
    with pytest.raises(ValidationError):
        manifest(temperature="1")
    with pytest.raises(ValidationError):
        Thresholds(abstain=1.5)
