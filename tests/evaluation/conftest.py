"""Random predictions of known quality."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from foveal.evaluation.predictions import Predictions

MakePredictions = Callable[..., Predictions]


@pytest.fixture(scope="session")
def single_label() -> MakePredictions:
    """`single_label(n, k)`: n images of k classes; higher `strength`, higher accuracy."""

    def make(
        n: int = 400, k: int = 6, *, seed: int = 0, strength: float = 2.0, **fields: Any
    ) -> Predictions:
        rng = np.random.default_rng(seed)
        targets = rng.integers(k, size=n)
        logits = rng.normal(size=(n, k))
        logits[np.arange(n), targets] += strength
        probabilities = np.exp(logits)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        labels = tuple(f"class {index}" for index in range(k))
        return Predictions(probabilities, targets, labels, **fields)

    return make


@pytest.fixture(scope="session")
def multi_label() -> MakePredictions:
    """`multi_label(n, k)`: n images with any of k labels."""

    def make(n: int = 300, k: int = 4, *, seed: int = 0) -> Predictions:
        rng = np.random.default_rng(seed)
        targets = rng.random((n, k)) < 0.4
        noise = rng.normal(size=(n, k))
        probabilities = 1 / (1 + np.exp(-(2.5 * targets - 1.2 + noise)))
        return Predictions(probabilities, targets, tuple("abcd"[:k]), task="multi")

    return make


@pytest.fixture(scope="session")
def mislabelled() -> Callable[..., tuple[Predictions, np.ndarray]]:
    """`mislabelled(n, wrong)`: well separated classes; the first `wrong` labels are changed."""

    def make(n: int = 600, wrong: int = 30) -> tuple[Predictions, np.ndarray]:
        rng = np.random.default_rng(0)
        truth = rng.integers(3, size=n)
        logits = rng.normal(size=(n, 3))
        logits[np.arange(n), truth] += 4
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels = truth.copy()
        labels[:wrong] = (labels[:wrong] + 1) % 3
        return Predictions(probabilities, labels, ("a", "b", "c")), np.arange(n) < wrong

    return make


@pytest.fixture(scope="session")
def calibrated() -> MakePredictions:
    """`calibrated(n, seed)`: predictions of class 0 whose probability is their accuracy."""

    def make(n: int, seed: int, classes: int = 3) -> Predictions:
        rng = np.random.default_rng(seed)
        confidence = 0.34 + 0.66 * rng.random(n) ** 0.2
        correct = rng.random(n) < confidence
        probabilities = np.repeat(((1 - confidence) / (classes - 1))[:, None], classes, axis=1)
        probabilities[:, 0] = confidence
        return Predictions(probabilities, np.where(correct, 0, 1), tuple("abc"[:classes]))

    return make
