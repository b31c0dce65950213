"""Probabilities of merged classes add up."""

import pytest

import foveal
from foveal.prediction.prediction import LabelProbability, Prediction
from foveal.studio.models.merged import add_each_merged, add_merged, merged_labels

FOUND = Prediction(
    "p",
    label="cat",
    probability=0.4,
    top=tuple(
        LabelProbability(*each)
        for each in (("cat", 0.4), ("oak", 0.35), ("elm", 0.2), ("dog", 0.05))
    ),
)


def test_the_sum_may_be_the_best_class():
    one = add_merged(FOUND, {"oak": "tree", "elm": "tree"}, None)
    assert [(each.label, each.probability) for each in one.top] == [
        ("tree", pytest.approx(0.55)),
        ("cat", 0.4),
        ("dog", 0.05),
    ]
    assert (one.label, one.probability) == ("tree", pytest.approx(0.55))
    assert len(add_merged(FOUND, {"oak": "tree", "elm": "tree"}, 2).top) == 2


def test_without_merged_classes_only_the_top_is_cut():
    assert add_merged(FOUND, {}, None) == FOUND
    assert [each.label for each in add_merged(FOUND, {}, 1).top] == ["cat"]


def test_an_image_that_cannot_be_read_stays_one():
    broken = Prediction("p", error="why")
    assert list(add_each_merged([broken], {"oak": "tree"}, 1)) == [broken]


def test_classes_stand_where_their_first_is():
    assert merged_labels("abcd", {"b": "x", "d": "x"}) == ("a", "x", "c")


def test_sums_are_those_of_the_probabilities(digits_run, new_digits):
    predictor = foveal.load(digits_run / "model.safetensors")
    images = sorted(new_digits.rglob("*.png"))[:10]
    rows = predictor.predict_proba(images)
    found = add_each_merged(predictor.predict(images, top=None), {"3": "35", "5": "35"}, None)
    for row, one in zip(rows, found, strict=True):
        sums = {each.label: each.probability for each in one.top}
        assert sums["35"] == pytest.approx(row[3] + row[5], abs=1e-6)
        assert sum(sums.values()) == pytest.approx(1, abs=1e-5)
