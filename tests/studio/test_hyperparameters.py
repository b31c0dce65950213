"""Every hyper-parameter, and what would be chosen."""

import pytest

from foveal.errors import UsageError
from foveal.network.presets import load_preset
from foveal.progress import silent
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.studio.hyperparameters import MEASURED, choices_job, expected_choices, recipe_keys

NETWORK = load_preset("swift-s", Input(height=28, width=28, channels=1))


def _choices(recipe=None, **keys):
    found = expected_choices(
        NETWORK, recipe or Recipe(), **{"classes": 10, "images": 6000, "pretrained": False, **keys}
    )
    return {row["key"]: row for row in found}


def test_every_key_has_its_default_and_range():
    rows = {row["key"]: row for row in recipe_keys()}
    assert list(rows) == list(Recipe.model_fields)
    assert rows["warmup"]["default"] == 0.2
    assert rows["optimizer"]["allowed"] == "one of auto, sgd, adamw, muon"


def test_every_open_key_is_chosen_with_a_reason():
    found = _choices()
    assert found["batch_size"]["value"] == 64
    assert found["learning_rate"]["reason"].startswith("default of ")
    assert all(row["reason"] for row in found.values())
    open_keys = {key for key, value in Recipe() if value in (None, "auto")}
    never = {"dropout", "early_stopping_epochs", "abstain_at_accuracy", "positive_class"}
    transfer = {"linear_probe", "head_l2", "head_images", "fine_tune", "freeze", "layer_decay"}
    assert open_keys - set(found) <= never | transfer | {"min_recall", "freeze_norms"}


def test_the_process_of_the_choices_says_the_same():
    recipe, context = Recipe(optimizer="sgd"), {"classes": 3, "images": 90, "pretrained": True}
    request = {"network": NETWORK.to_data(), "recipe": {"optimizer": "sgd"}, "context": context}
    assert choices_job(request, silent) == {"choices": expected_choices(NETWORK, recipe, **context)}


def test_what_only_the_start_can_tell_has_no_value():
    found = _choices()
    for key in ("epochs", "horizontal_flip", "translate", "ema_decay"):
        assert found[key] == {"key": key, "value": None, "reason": MEASURED[key]}


def test_what_a_person_sets_is_not_chosen():
    found = _choices(Recipe(optimizer="sgd", horizontal_flip="off"))
    assert not {"optimizer", "horizontal_flip"} & set(found)
    assert found["learning_rate"]["reason"].startswith("default of sgd")


def test_a_pretrained_start_adds_its_keys():
    assert _choices(pretrained=True)["linear_probe"]["value"] == "on"
    assert "head_l2" in _choices(pretrained=True)
    assert "linear_probe" not in _choices()


def test_a_contradiction_is_said():
    with pytest.raises(UsageError) as caught:
        _choices(Recipe(schedule="trapezoid", warmup=0.6, cooldown=0.6))
    assert str(caught.value) == (
        "warmup 0.6 and cooldown 0.6 are more than the whole run; together they may be at most 1"
    )
