"""The model card's facts are those of the model file, the run's data and the scores."""

import foveal
from foveal.studio.models.card import model_card
from foveal.studio.models.loaded import model_path
from foveal.studio.models.val_scores import score_val


def test_facts(digits_run):
    predictor = foveal.load(model_path(digits_run))
    scores = score_val(digits_run, predictor)
    card = model_card(digits_run, predictor, scores)
    assert card["labels"] == list("0123456789")
    assert card["counts"] == {"train": 200, "val": 100, "test": 0}
    assert sum(one["train"] for one in card["classes"]) == 200
    assert card["weights"] == sum(p.numel() for p in predictor.module.parameters())
    assert card["val"]["n"] == 100
    assert "images" not in card["val"]
    correct = sum(image.true == image.predicted for image in scores.images)
    assert card["val"]["accuracy"] == correct / 100
    for label, recall in enumerate(card["val"]["recalls"]):
        row = scores.confusion[label]
        assert recall == row[label] / sum(row)


def test_without_scores(digits_run):
    assert model_card(digits_run, foveal.load(model_path(digits_run)), None)["val"] is None
