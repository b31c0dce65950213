"""The order of int8 variants follows their agreement on the calibration images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.exporting import int8_candidates as module
from foveal.exporting import quantise
from foveal.exporting.int8_candidates import int8_candidates
from foveal.exporting.onnx import export_graph
from foveal.exporting.quantise import weighted_nodes
from foveal.model.model import Model, load_model
from foveal.progress import silent

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
ALL_INT8, FP32_ENDS = "min-max, all layers", "min-max, first and last layer fp32"
MIXED = "min-max, 1 of 3 layers fp32"
OTHERS = [f"{FP32_ENDS}, gelu fp32", "percentile, first and last layer fp32, gelu fp32"]


@pytest.fixture(scope="module")
def model(digits_run: Path) -> Model:
    return load_model(digits_run / "model.safetensors")


@pytest.mark.parametrize(
    ("agreements", "order"),
    [
        ((1.0, 1.0), [ALL_INT8, FP32_ENDS, MIXED, *OTHERS]),
        ((0.99, 0.995), [FP32_ENDS, ALL_INT8, MIXED, *OTHERS]),
        ((0.99, 0.991), [ALL_INT8, FP32_ENDS, MIXED, *OTHERS]),
        ((0.9, 0.95), [MIXED, FP32_ENDS, ALL_INT8, *OTHERS]),
    ],
)
def test_order(model: Model, monkeypatch, agreements: tuple[float, float], order) -> None:
    values = iter(agreements)
    monkeypatch.setattr(module, "_agreement", lambda *_: next(values))
    methods = [name for name, _ in int8_candidates(export_graph(model), model, PIXELS, silent)]
    assert methods == order


def test_first_and_last_stay_fp32_only_where_there_are_others(model: Model, monkeypatch) -> None:
    monkeypatch.setattr(quantise, "weighted_nodes", lambda graph: weighted_nodes(graph)[:2])
    monkeypatch.setattr(module, "_agreement", lambda *_: 1.0)
    methods = [name for name, _ in int8_candidates(export_graph(model), model, PIXELS, silent)]
    others = [f"{name}, all layers, gelu fp32" for name in ("min-max", "percentile")]
    assert methods == [ALL_INT8, "min-max, 1 of 2 layers fp32", *others]


def test_candidates_are_made_one_at_a_time(model: Model, monkeypatch) -> None:
    monkeypatch.setattr(module, "_mixed_precision", lambda *_: pytest.fail("not needed yet"))
    candidates = int8_candidates(export_graph(model), model, PIXELS, silent)
    assert [next(candidates)[0], next(candidates)[0]] == [ALL_INT8, FP32_ENDS]


@pytest.mark.parametrize(
    ("layers", "side", "images"), [(6, 28, 256), (20, 128, 256), (50, 224, 33), (160, 224, 32)]
)
def test_large_networks_are_measured_on_fewer_images(layers, side, images) -> None:
    assert module.sensitivity_images(layers, side, side) == images
