"""The summary of a network: its JSON object and its hyperparameters."""

import pytest

from foveal.network.presets import load_preset
from foveal.network.summary import (
    Hyperparameter,
    network_hyperparameters,
    recipe_hyperparameters,
    summarise,
)
from foveal.spec.layers import Concat, Conv, MaxPool, Output, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


def test_the_json_object_of_a_small_network():
    network = Network(
        input=Input(height=4, width=4, channels=1), layers=[MaxPool(2), "flatten", Output()]
    )
    summary = summarise(network, 3, batch_size=2)
    data = summary.to_data()
    assert data["layers"][0] == {
        "name": "max_pool_1",
        "kind": "max_pool",
        "number": "1",
        "output": [2, 2, 1],
        "weights": 0,
        "biases": 0,
        "multiply_adds": 0,
        "activation_bytes": 4 * 4 * 2,
        "receptive_field": [2, 2],
        "jump": [2, 2],
        "saving": 0.75,
    }
    assert data["layers"][1]["output"] == [4]
    assert data["layers"][2]["saving"] is None
    del data["layers"]
    assert data == {
        "input": [4, 4, 1],
        "classes": 3,
        "weights": 15,
        "biases": 3,
        "multiply_adds": 12,
        "multiply_adds_with_norms": 12,
        "batch_size": 2,
        "activation_bytes": (4 + 4 + 3) * 4 * 2,
        "receptive_field": [2, 2],
        "hyperparameters": [],
        "warnings": [],
        "errors": [],
    }


def test_errors_and_warnings_are_apart():
    network = load_preset("lenet5", Input(height=20, width=20, channels=1))
    summary = summarise(network, 10, batch_size=1)
    assert [message.kind for message in summary.errors] == ["shape"]
    assert set(summary.messages) == {*summary.errors, *summary.warnings}
    assert summary.to_data()["errors"][0]["layers"] == ["7"]


def test_hyperparameters_have_the_layers_number_and_source():
    network = Network(
        layers=[
            Residual([Conv(4)]),
            Concat([[Conv(2, kernel=1)], [Conv(2)]]),
            "global_avg_pool",
            Output(),
        ]
    )
    assert list(network_hyperparameters(network, "you")) == [
        Hyperparameter("input", "size", "64x64x3", "default"),
        Hyperparameter("1.1 conv", "channels", 4, "you"),
        Hyperparameter("1.1 conv", "kernel", [3, 3], "default"),
        Hyperparameter("1.1 conv", "stride", [1, 1], "default"),
        Hyperparameter("2.1.1 conv", "channels", 2, "you"),
        Hyperparameter("2.1.1 conv", "kernel", [1, 1], "you"),
        Hyperparameter("2.1.1 conv", "stride", [1, 1], "default"),
        Hyperparameter("2.2.1 conv", "channels", 2, "you"),
        Hyperparameter("2.2.1 conv", "kernel", [3, 3], "default"),
        Hyperparameter("2.2.1 conv", "stride", [1, 1], "default"),
    ]


@pytest.mark.parametrize("trained", [{}, {"epochs": 3.0, "batch_size": 8, "learning_rate": 0.1}])
def test_recipe_values_are_those_of_the_training_or_left_to_it(trained):
    found = {one.key: (one.value, one.source) for one in recipe_hyperparameters(trained)}
    source = "training of the model file" if trained else "training (see --set)"
    assert found == {
        key: (trained.get(key), source) for key in ("batch_size", "learning_rate", "epochs")
    }


@pytest.mark.parametrize("value", ["\x1b[2J", [[1]], float("inf"), True, {"a": 1}, 10**400])
def test_what_a_file_holds_for_a_recipe_value_is_a_number_or_nothing(value):
    found = {one.key: (one.value, one.source) for one in recipe_hyperparameters({"epochs": value})}
    assert found["epochs"] == (None, "training (see --set)")
