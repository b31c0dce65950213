"""The model card's facts are those of the model file, the run's data and the scores."""

import pytest

import foveal
from foveal.studio.models.card import model_card
from foveal.studio.models.class_names import NamedRun
from foveal.studio.models.loaded import LoadedModels, model_path


def card_of(run):
    models = LoadedModels()
    return model_card(run, models.predictor(model_path(run.folder)), models.val_scores(run))


def test_facts(digits_run):
    predictor, card = foveal.load(model_path(digits_run)), card_of(NamedRun(digits_run))
    assert card["labels"] == list("0123456789")
    assert card["counts"] == {"train": 200, "val": 100, "test": 0}
    assert sum(one["train"] for one in card["classes"]) == 200
    assert card["weights"] == sum(p.numel() for p in predictor.module.parameters())
    assert card["val"]["n"] == 100
    assert "images" not in card["val"]
    correct = sum(n for true, predicted, n in card["val"]["confusion"] if true == predicted)
    assert card["val"]["accuracy"] == correct / 100
    assert len(card["val"]["recalls"]) == 10


def test_classes_that_were_merged_are_one_in_every_part(digits_run):
    apart = card_of(NamedRun(digits_run))
    card = card_of(NamedRun(digits_run, {"3": "odd", "5": "odd"}))
    names = ["0", "1", "2", "odd", "4", "6", "7", "8", "9"]
    assert card["labels"] == card["val"]["labels"] == names
    train = [one["train"] for one in apart["classes"]]
    wanted = [*train[:3], train[3] + train[5], train[4], *train[6:]]
    assert [one["train"] for one in card["classes"]] == wanted
    assert [one["name"] for one in card["classes"]] == names
    for name in "0246789":
        recalls = [each["val"]["recalls"][each["labels"].index(name)] for each in (apart, card)]
        assert recalls[1] == pytest.approx(recalls[0], abs=0.2)  # an image may be "odd" now
