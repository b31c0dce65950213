from __future__ import annotations

import numpy as np

from foveal.evaluation.thresholds import choose_on_val
from foveal.model.manifest import Manifest
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network


def asked(**recipe: object) -> Manifest:
    network = Network(layers=(Flatten(), Output("sigmoid")))
    return Manifest(network=network, labels=("good", "bad"), recipe=recipe)


def material(n: int = 1000) -> tuple[np.ndarray, np.ndarray, list[str]]:
    chance = np.random.default_rng(0)
    targets = (chance.random(n) < 0.3).astype(np.int64)
    logits = (4 * targets - 2 + 1.5 * chance.normal(size=n)).astype(np.float32)[:, None]
    return logits, targets, [f"{row}.png" for row in range(n)]


def test_a_recipe_that_asks_for_nothing_changes_nothing() -> None:
    manifest = asked(abstain_at_accuracy=None)
    assert choose_on_val(manifest, *material()) == (manifest, ())


def test_operating_point_and_abstaining_are_stored_together() -> None:
    logits, targets, paths = material()
    manifest = asked(abstain_at_accuracy=0.95, positive_class="bad", min_recall=0.97)
    settled, told = choose_on_val(manifest, logits, targets, paths)
    assert told == ()
    limits = settled.thresholds
    assert limits.positive_class == "bad"
    bad = 1 / (1 + np.exp(-logits[:, 0].astype(float)))
    said = bad >= limits.operating_point
    assert said[targets == 1].mean() >= 0.97
    sure = np.maximum(bad, 1 - bad) >= limits.abstain
    assert (said == targets)[sure].mean() >= 0.95


def test_what_cannot_be_had_is_told() -> None:
    logits, targets, paths = material(30)
    settled, told = choose_on_val(asked(abstain_at_accuracy=0.999), logits, targets, paths)
    assert settled.thresholds.abstain is None
    assert len(told) == 1
    assert told[0].startswith(
        "not all thresholds of the recipe were chosen: no threshold promises an accuracy of 0.999"
    )
