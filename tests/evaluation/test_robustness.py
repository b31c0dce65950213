from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.evaluation.corruptions import COUNT, changes, noisy, scaled, shifted
from foveal.evaluation.robustness import pool_shifts, robustness
from foveal.model.model import load
from foveal.prediction.predictor import Predictor
from foveal.progress import silent


def images(n: int = 6, channels: int = 3) -> np.ndarray:
    chance = np.random.default_rng(0)
    return chance.integers(0, 256, (n, 12, 10, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_change_keeps_the_shape_and_changes_something(channels: int) -> None:
    given = images(channels=channels)
    before = given.copy()
    found = list(changes(given))
    assert len(found) == COUNT == 19
    for name, strength, changed in found:
        assert changed.shape == given.shape, name
        assert changed.dtype == np.uint8
        assert not np.array_equal(changed, given), (name, strength)
    assert np.array_equal(given, before)


def test_a_shift_is_a_move_with_the_edge_repeated() -> None:
    given = images()
    moved = shifted(given, 2, 1)
    assert np.array_equal(moved[:, 2:, 1:], given[:, :-2, :-1])
    assert np.array_equal(moved[:, 0, 1:], given[:, 0, :-1])


def test_light_is_scaled_and_clipped() -> None:
    given = np.array([[[[100], [200]]]], np.uint8)
    assert scaled(given, 1.5, 0.0).ravel().tolist() == [150, 255]
    assert scaled(given, 0.5, 150.0).ravel().tolist() == [125, 175]
    assert np.array_equal(noisy(given, 10), noisy(given, 10))


def test_pooling_halves_what_a_shift_does(digits_run: Path, digits: Path) -> None:
    import torch

    model = load(digits_run / "model.safetensors")
    given = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
    found = pool_shifts(model, given)
    assert [(part.layer, part.pixels) for part in found] == [
        ("max_pool_1", 1), ("max_pool_1", 2), ("max_pool_1", 3)
    ]  # fmt: skip
    taken = []
    handle = model.module.max_pool_1.register_forward_hook(
        lambda _module, inputs, output: taken.append((inputs[0], output))
    )
    with torch.no_grad():
        for values in (given, shifted(given, 0, 2), shifted(given, 2, 0)):
            model.module(torch.from_numpy(values.copy()).permute(0, 3, 1, 2))
    handle.remove()
    for side, name in ((0, "before"), (1, "after")):
        still = taken[0][side].numpy().reshape(8, -1)
        gaps = []
        for other in (taken[1][side], taken[2][side]):
            moved = other.numpy().reshape(8, -1)
            size = (np.linalg.norm(still, axis=1) + np.linalg.norm(moved, axis=1)) / 2
            gaps.append((np.linalg.norm(still - moved, axis=1) / size).mean())
        assert getattr(found[1], name) == pytest.approx(np.mean(gaps), rel=1e-4)


def test_answers_without_a_change_are_counted_too(digits_run: Path) -> None:
    predictor = Predictor(digits_run / "model.safetensors")
    given = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    targets = predictor.probabilities(given).argmax(axis=1).astype(np.int64)
    found = robustness(predictor, given, np.arange(40), targets, silent)
    assert (found.n, found.accuracy) == (40, 1.0)
    assert found.pools == ()
    assert found.why_no_pools == (
        "the maps of an exported file cannot be read; evaluate the model.safetensors"
    )
    for part in found.changes:
        assert part.accuracy == part.unchanged
