"""The arguments of train: recipe, network and overrides, and what is refused."""

import dataclasses

import pytest

from foveal.errors import SpecError, UsageError
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.setup.request import (
    TrainRequest,
    is_designed,
    load_recipe,
    requested_again,
    requested_network,
    requested_preset,
    with_fitting_output,
)

NETWORK = Network(input=Input(height=8, width=8, channels=1), layers=(Flatten(), Output()))
REQUEST = TrainRequest(
    data="images",
    network=None,
    recipe=None,
    overrides={},
    minutes=None,
    epochs=None,
    seed=0,
    start_from=None,
    size=None,
    device="auto",
    allow_bad=False,
    ignore_unknown_classes=False,
)


def _request(**keys):
    return dataclasses.replace(REQUEST, **keys)


def test_a_network_is_designed_where_nothing_of_it_was_named():
    assert is_designed(_request(overrides={"batch_size": 3}))
    for keys in (
        {"network": "lenet5"},
        {"start_from": "model.safetensors"},
        {"size": 32},
        {"overrides": {"preprocess.fit": "pad"}},
    ):
        assert not is_designed(_request(**keys))


def test_a_recipe_is_a_file_a_mapping_or_a_value(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("batch_size: 32\n")
    for recipe in (path, str(path), {"batch_size": 32}, Recipe(batch_size=32)):
        request = _request(recipe=recipe, overrides={"momentum": 0.5, "input.height": 4})
        assert load_recipe(request) == Recipe(batch_size=32, momentum=0.5)
    assert load_recipe(REQUEST) == Recipe()


def test_every_wrong_key_and_value_is_named():
    with pytest.raises(SpecError) as caught:
        load_recipe(_request(overrides={"batchsize": 3, "ema": 0.9, "momentum": "x"}))
    said = str(caught.value)
    assert "there is no key 'batchsize' (did you mean 'batch_size'?)" in said
    assert "'ema' is now 'ema_decay'" in said
    assert "momentum is 'x': " in said


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"minutes": 0.0}, "minutes is 0; give a number above 0, such as --minutes 10"),
        ({"minutes": float("inf")}, "minutes is inf; give a number above 0, such as --minutes 10"),
        (
            {"minutes": 1.0, "epochs": 1.0},
            "give --minutes or --epochs, not both: each fixes the length of the run",
        ),
        ({"seed": -1}, "seed is -1; give 0 or more"),
    ],
)
def test_arguments_that_contradict_are_refused(keys, message):
    with pytest.raises(UsageError) as caught:
        _request(**keys)
    assert str(caught.value) == message


def test_a_preset_is_designed_and_a_network_is_resized():
    assert requested_preset(_request(network="lenet5")) == "lenet5"
    assert requested_network(_request(network="lenet5")) is None
    assert requested_network(REQUEST) is None
    request = _request(network=NETWORK, size=16, overrides={"preprocess.fit": "pad"})
    network = requested_network(request)
    assert network.input.shape == (16, 16, 1)
    assert network.preprocess.fit == "pad"


def test_a_request_to_resume_names_the_networks_own_where_it_names_none():
    assert requested_again(REQUEST, NETWORK) == NETWORK
    assert requested_again(_request(size=16), NETWORK).input.shape == (16, 16, 1)
    preset = requested_again(_request(network="lenet5"), NETWORK)
    assert preset.input == NETWORK.input
    assert preset.layers[-1] == NETWORK.output
    assert len(preset.layers) > len(NETWORK.layers)


@pytest.mark.parametrize(
    ("function", "classes", "task", "fitting"),
    [
        ("sigmoid", 2, "single", "sigmoid"),
        ("sigmoid", 3, "single", "softmax"),
        ("sigmoid", 3, "multi", "sigmoid"),
        ("softmax", 2, "single", "softmax"),
        ("softmax", 2, "multi", "sigmoid"),
    ],
)
def test_the_output_of_another_model_is_fitted_to_the_classes(function, classes, task, fitting):
    network = NETWORK.model_copy(update={"layers": (Flatten(), Output(function=function))})
    changed = with_fitting_output(network, classes, task)
    assert changed.output.function == fitting
    assert (changed is network) == (function == fitting)
