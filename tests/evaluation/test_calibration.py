from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from foveal.evaluation.calibration import ece, fit_temperature, reliability


def test_the_error_is_that_of_a_plain_loop() -> None:
    chance = np.random.default_rng(0)
    confidence = chance.random(1000) * 0.999 + 0.0005
    truth = chance.random(1000) < confidence**1.5
    total = 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            gap = abs(confidence[inside].mean() - truth[inside].mean())
            total += inside.mean() * gap
    bins = reliability(confidence, truth)
    assert ece(bins) == pytest.approx(total)
    assert sum(part.n for part in bins) == 1000


def test_empty_bins_say_nothing() -> None:
    bins = reliability(np.array([1.0, 1.0]), np.array([True, True]))
    assert ece(bins) == 0
    assert bins[0].confidence is None
    assert bins[-1].n == 2


@pytest.mark.parametrize("heat", [0.4, 1.0, 2.5])
def test_temperature_is_the_minimum_scipy_finds(heat: float) -> None:
    chance = np.random.default_rng(0)
    logits = chance.normal(size=(2000, 5)) * 2
    spread = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([chance.choice(5, p=row) for row in spread])

    def loss(t: float) -> float:
        scaled = heat * logits / t
        top = scaled.max(axis=1)
        total = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
        return float((total - scaled[np.arange(2000), targets]).mean())

    wanted = minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x
    assert fit_temperature(heat * logits, targets) == pytest.approx(wanted, rel=1e-3)
    assert wanted == pytest.approx(heat, rel=0.1)


def test_sigmoid_temperatures() -> None:
    chance = np.random.default_rng(0)
    logits = chance.normal(size=(3000, 1)) * 2
    targets = (chance.random(3000) < 1 / (1 + np.exp(-logits[:, 0]))).astype(int)
    found = fit_temperature(3 * logits, targets, activation="sigmoid")
    assert found == pytest.approx(3, rel=0.1)
    assert fit_temperature(np.zeros((0, 2)), np.zeros(0)) == 1.0
