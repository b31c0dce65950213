"""What follows the fitted output layer: whether, how long, and in which layers."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from foveal.spec.recipe import Recipe
from foveal.training.setup import budget
from foveal.training.setup.budget import Budget
from foveal.training.setup.fine_tuning import (
    STEP_COST,
    max_fine_tuning_epochs,
    plan_fine_tuning,
)
from foveal.training.setup.session import TrainConfig, start_session
from foveal.training.setup.source import SourceModel
from foveal.training.setup.timing import Timing
from foveal.training.tensors import LabelledImages


@pytest.fixture
def planned(runs, monkeypatch):
    """The plan of the tiny task, with steps that take `step_seconds`, on a clock that stands."""
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: 0.0))

    def made(seconds=math.inf, step_seconds=0.1, frozen_seconds=None, data=None, **keys):
        whole = runs.start()
        weights = whole.state.module.state_dict()
        source = SourceModel(
            "m", weights, tuple("abcdefghij"), network=whole.network, pretrained=True
        )
        recipe = Recipe(**{"batch_size": 40, **keys})
        limit = Budget(seconds, started_at=0.0)
        config = TrainConfig(recipe, 0, torch.device("cpu"), limit, start_from=source)
        session = start_session(whole.network, data or runs.data, config)

        def timing(state, task, _):
            frozen = not next(state.module.parameters()).requires_grad
            return Timing(frozen_seconds if frozen else step_seconds, 0.0, 0)

        monkeypatch.setattr("foveal.training.setup.plan.time_steps", timing)
        feature_seconds = step_seconds / (STEP_COST * 40)
        session.plan["feature_seconds"] = feature_seconds
        session = plan_fine_tuning(session)
        return session, {choice.key: choice.reason for choice in session.chosen}

    return made


def test_fewer_epochs_help_where_images_are_many():
    assert [max_fine_tuning_epochs(count) for count in (100, 2_000, 8_000, 10**6)] == [
        20,
        20,
        10,
        4,
    ]


def test_the_epochs_that_fit_are_planned(planned):
    session, reasons = planned(10.0, step_seconds=0.1, progressive_resizing=1.0)
    steps = session.state.position.cycle_steps
    assert 70 <= steps <= 80
    assert session.task.recipe.epochs == pytest.approx(steps / 5)
    assert session.task.recipe.fine_tune == "on"
    assert reasons["fine_tune"] == "all layers learn from the images, with small steps"
    assert session.plan["recipe"] == session.task.recipe.model_dump(mode="json")
    assert session.plan["max_steps"] == 100
    assert "freeze" not in reasons


def test_more_epochs_than_help_are_not_planned(planned):
    session, reasons = planned(1000.0, step_seconds=0.01)
    assert session.task.recipe.epochs == 20
    assert reasons["epochs"] == "more than 20 epochs of 200 images would help little"
    assert planned(epochs=3.0)[0].state.position.cycle_steps == 15


def test_early_layers_are_frozen_where_time_is_short(planned):
    session, reasons = planned(20.0, step_seconds=1.5, frozen_seconds=0.5)
    assert session.task.recipe.freeze == 1
    assert reasons["freeze"] == "time is short: about 1.8 epochs of all layers would fit"
    assert 25 <= session.state.position.cycle_steps <= 35
    names = {name for group in session.state.parameter_groups for name in group.names}
    assert "conv_1.weight" not in names
    assert "conv_2.weight" in names
    assert planned(20.0, step_seconds=1.5, freeze=0)[0].task.recipe.freeze == 0


@pytest.mark.parametrize(
    ("seconds", "keys", "reason"),
    [
        (60.0, {"step_seconds": 15.0, "frozen_seconds": 12.0}, None),
        (20.0, {"step_seconds": 3.0}, "8 s are left of the budget for 200 images"),
        (3.0, {}, "1 s are left of the budget for 200 images"),
        (math.inf, {"fine_tune": "off", "epochs": 1.0}, None),
    ],
)
def test_without_time_or_wish_the_fitted_output_is_the_result(planned, seconds, keys, reason):
    session, reasons = planned(seconds, **keys)
    assert session.task.recipe.fine_tune == "off"
    assert session.state.position.cycle_steps == 0
    assert reason is None or reasons["fine_tune"] == reason


def test_few_images_are_not_fine_tuned_unless_it_is_asked_for(runs, planned):
    few = LabelledImages(runs.data.train.pixels[:99], runs.data.train.labels[:99])
    data = replace(runs.data, train=few)
    _, reasons = planned(data=data, epochs=1.0)
    assert reasons["fine_tune"] == "99 training images are too few to change features"
    session, _ = planned(data=data, epochs=1.0, fine_tune="on")
    assert session.state.position.cycle_steps > 0
    val = LabelledImages(runs.data.val.pixels[:19], runs.data.val.labels[:19])
    _, reasons = planned(data=replace(runs.data, val=val), epochs=1.0)
    assert reasons["fine_tune"] == "19 val images cannot tell whether it helps"
