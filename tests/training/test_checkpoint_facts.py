"""Plan and position of a checkpoint: as a run writes them, or refused with the place."""

import copy
import json

import pytest

from foveal.errors import TrainingError
from foveal.training.checkpoint_facts import check_facts


@pytest.fixture
def facts(runs):
    session = runs.start()
    return json.loads(json.dumps({"plan": session.plan, "position": session.state.pack()[0]}))


def test_what_a_run_writes_is_accepted(runs, facts):
    check_facts(facts)
    newest = runs.stop_after(runs.start(), "run", 7)
    check_facts(newest.metadata)
    assert newest.metadata["position"]["history"]


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("plan", [], "plan: Input should be an object"),
        ("plan.network", None, "plan.network: Input should be an object"),
        ("plan.recipe.epochs", "3", "plan.recipe.epochs: Input should be a valid number"),
        ("plan.seed", 1.5, "plan.seed: Input should be a valid integer"),
        (
            "plan.classes",
            [],
            "plan.classes: List should have at least 1 item after validation, not 0",
        ),
        ("plan.classes", "ab", "plan.classes: Input should be a valid array"),
        ("plan.task", "x", "plan.task: Input should be 'single' or 'multi'"),
        ("plan.minutes", -1, "plan.minutes: Input should be greater than 0"),
        ("plan.chosen", [1], "plan.chosen.0: Input should be an object"),
        ("plan.timing", {}, "plan.timing.step_seconds: Field required"),
        ("plan.machine", None, "plan.machine: Input should be an object"),
        ("position.step", -1, "position.step: Input should be greater than or equal to 0"),
        ("position.step", 10**400, "position.step: Input should be less than or equal to"),
        ("position.stage", "x", "position.stage: Input should be 'head', 'plan' or 'training'"),
        ("position.finished", 1, "position.finished: Input should be a valid boolean"),
        ("position.history", [3], "position.history.0: Input should be an object"),
        ("position.other", 3, "position.other: Unexpected keyword argument"),
        ("position.loss_sum", float("nan"), "its data cannot be parsed"),
    ],
)
def test_other_values_are_refused(facts, place, value, reason):
    facts = copy.deepcopy(facts)
    *parts, last = place.split(".")
    inside = facts
    for part in parts:
        inside = inside[part]
    inside[last] = value
    with pytest.raises(TrainingError) as caught:
        check_facts(facts)
    assert str(caught.value).removesuffix(" 9007199254740992") == reason


def test_every_key_is_needed_or_has_a_default(facts):
    """A plan without a key is refused, but for those that not all runs have."""
    optional = {"start_from", "streamed", "feature_seconds"}
    for key in facts["plan"].keys() - optional:
        without = {name: value for name, value in facts["plan"].items() if name != key}
        with pytest.raises(TrainingError) as caught:
            check_facts({**facts, "plan": without})
        assert str(caught.value) == f"plan.{key}: Field required"


def test_data_of_any_depth_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TrainingError) as caught:
        check_facts({"plan": deep})
    assert str(caught.value) == "its data cannot be parsed"
