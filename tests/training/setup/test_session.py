"""What a run is put together from: a whole recipe, a plan, a state."""

import json
import math

import pytest
import torch

from foveal.spec.recipe import Recipe
from foveal.training.setup.budget import Budget
from foveal.training.setup.session import TrainConfig, start_session, with_normalisation
from foveal.training.transfer.matching import SourceModel


def test_class_weights_and_dropout_reach_the_task(runs):
    session = runs.start(class_balance="class_weights", dropout=0.3)
    assert session.task.class_weights is not None
    assert [m.p for m in session.state.module.modules() if isinstance(m, torch.nn.Dropout)] == [0.3]


def test_the_recipe_is_whole(runs):
    recipe = runs.start().task.recipe
    assert isinstance(recipe, Recipe)
    assert [key for key, value in recipe if value in (None, "auto")] == [
        "dropout",
        "linear_probe",
        "head_l2",
        "head_images",
        "fine_tune",
        "freeze",
        "layer_decay",
        "freeze_norms",
        "early_stopping_epochs",
        "abstain_at_accuracy",
        "positive_class",
        "min_recall",
    ]


def test_normalisation_is_of_the_training_images_unless_it_is_given(runs, digits_data):
    network = with_normalisation(runs.network, digits_data)
    pixels = digits_data.train.pixels / 255
    assert network.preprocess.mean == pytest.approx((pixels.mean(),), abs=1e-6)
    assert network.preprocess.std == pytest.approx((pixels.std(),), abs=1e-6)
    assert with_normalisation(network, digits_data) is network


def test_the_plan_is_plain_json_data(runs):
    plan = runs.start().plan
    assert json.loads(json.dumps(plan)) == plan
    assert list(plan) == [
        "network",
        "recipe",
        "seed",
        "classes",
        "task",
        "data",
        "start_from",
        "minutes",
        "chosen",
        "machine",
        "max_steps",
        "timing",
    ]
    assert (plan["minutes"], plan["max_steps"]) == (None, 15)


def test_a_model_to_start_from_replaces_the_weights_it_has(runs, digits_data):
    whole = runs.start().state.module.state_dict()
    weights = {name: value + 1 for name, value in whole.items() if name != "conv_1.weight"}
    source = SourceModel("m", weights, digits_data.classes)
    config = TrainConfig(
        Recipe(epochs=1.0), 0, torch.device("cpu"), Budget(math.inf), start_from=source
    )
    session = start_session(runs.network, digits_data, config)
    assert session.transfer.not_loaded == ("conv_1.weight",)
    started = session.state.module.state_dict()
    assert torch.equal(started["conv_2.weight"], whole["conv_2.weight"] + 1)
