"""The figures of the parity check, against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from foveal.exporting.parity import ParityLimits, failures, measure_parity
from foveal.model.manifest import Manifest, Thresholds
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network

NETWORK = Network(layers=(Flatten(), Output()))


def test_figures() -> None:
    random = np.random.default_rng(0)
    native = random.dirichlet([1, 1, 1], 200).astype(np.float32)
    exported = native.copy()
    exported[:3] = exported[:3, ::-1]
    targets = random.integers(0, 3, 200)
    parity = measure_parity(
        native, exported, targets, Manifest(network=NETWORK, labels=("a", "b", "c"))
    )
    assert parity.accuracy_native == accuracy_score(targets, native.argmax(1))
    assert parity.accuracy_exported == accuracy_score(targets, exported.argmax(1))
    assert parity.agreement == (native.argmax(1) == exported.argmax(1)).mean()
    assert parity.max_probability_gap == np.abs(native - exported).max()
    assert parity.n == 200


def test_what_is_not_a_number_is_no_prediction() -> None:
    native = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    exported = np.array([[np.nan, np.nan], [0.2, 0.8]], np.float32)
    manifest = Manifest(network=NETWORK, labels=("a", "b"))
    parity = measure_parity(native, exported, np.array([0, 1]), manifest)
    assert (parity.agreement, parity.accuracy_exported) == (0.5, 0.5)
    assert failures(parity, ParityLimits(100, 1, 100), quantised=False) == (
        "only 50.00% of predictions agree (limit 10000.00%)",
        "probabilities differ by up to nan (limit 1)",
    )


def test_without_labels_disagreement_bounds_the_loss() -> None:
    native = np.array([[0.9, 0.1]] * 10, np.float32)
    exported = native.copy()
    exported[0] = exported[0, ::-1]
    manifest = Manifest(network=NETWORK, labels=("a", "b"))
    parity = measure_parity(native, exported, None, manifest)
    assert (parity.accuracy_native, parity.accuracy_exported) == (None, None)
    assert parity.to_data() == {
        "agreement": 0.9,
        "max_probability_gap": pytest.approx(0.8),
        "accuracy_native": None,
        "accuracy_exported": None,
        "accuracy_interval": None,
        "n": 10,
    }
    assert failures(parity, ParityLimits(), quantised=True) == (
        "accuracy may fall by 10.00 points (limit 0.3)",
    )


def test_the_interval_is_exact() -> None:
    probabilities = np.array([[0.9, 0.1]] * 9, np.float32)
    targets = np.array([0] * 7 + [1] * 2)
    manifest = Manifest(network=NETWORK, labels=("a", "b"))
    parity = measure_parity(probabilities, probabilities, targets, manifest)
    exact = binomtest(7, 9).proportion_ci(0.95, method="exact")
    assert parity.accuracy_interval == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_the_models_own_thresholds_count() -> None:
    thresholds = Thresholds(positive_class="b", operating_point=0.2)
    two = Manifest(network=NETWORK, labels=("a", "b"), thresholds=thresholds)
    native = np.array([[0.79, 0.21]], np.float32)
    exported = np.array([[0.81, 0.19]], np.float32)
    assert measure_parity(native, exported, np.array([1]), two).agreement == 0
    multi = Manifest(
        network=NETWORK,
        labels=("a", "b"),
        task="multi",
        thresholds=Thresholds(per_label={"b": 0.1}),
    )
    parity = measure_parity(native, exported, np.array([[True, True]]), multi)
    assert (parity.agreement, parity.accuracy_native) == (1, 1)


def test_failures_name_figure_and_limit() -> None:
    native = np.array([[0.9, 0.1]] * 10, np.float32)
    exported = native.copy()
    exported[0] = (0.4, 0.6)
    manifest = Manifest(network=NETWORK, labels=("a", "b"))
    parity = measure_parity(native, exported, np.zeros(10, int), manifest)
    assert failures(parity, ParityLimits(), quantised=False) == (
        "accuracy falls by 10.00 points (limit 0.3)",
        "only 90.00% of predictions agree (limit 99.90%)",
        "probabilities differ by up to 0.5 (limit 0.0001)",
    )
    assert failures(parity, ParityLimits(max_accuracy_loss=10.01), quantised=True) == ()


def test_not_a_number_never_passes() -> None:
    native = np.array([[0.9, 0.1]] * 4, np.float32)
    manifest = Manifest(network=NETWORK, labels=("a", "b"))
    parity = measure_parity(native, native * np.nan, np.zeros(4, int), manifest)
    assert failures(
        parity, ParityLimits(max_accuracy_loss=100, min_agreement=0), quantised=False
    ) == ("probabilities differ by up to nan (limit 0.0001)",)
