"""Quantisation with any number of calibration images, and which nodes stay fp32."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pytest

from foveal.exporting import quantise
from foveal.exporting.onnx import export_graph
from foveal.exporting.quantise import VARIANTS, QuantisationVariant, quantise_graph, weighted_nodes
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.spec.layers import Conv, Dense, Flatten, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> Model:
    network = Network(
        input=Input(height=8, width=8, channels=1),
        layers=(Conv(4), Relu(), Conv(4), Relu(), Flatten(), Dense(6), Relu(), Output()),
    )
    return Model(network.build(2).eval(), Manifest(network=network, labels=("a", "b")))


@pytest.fixture(scope="module")
def graph(model: Model):
    return export_graph(model)


def test_names_of_variants() -> None:
    assert [variant.name for variant in VARIANTS] == [
        "min-max, all layers",
        "min-max, first and last layer fp32",
        "min-max, first and last layer fp32, gelu fp32",
        "percentile, first and last layer fp32, gelu fp32",
    ]


def _quantised_weights(proto) -> int:
    return sum(tensor.name.endswith("weight_quantized") for tensor in proto.graph.initializer)


def test_layers_that_stay_fp32(graph) -> None:
    names = weighted_nodes(graph)
    assert len(names) == 4
    all_int8, fp32_ends = (
        QuantisationVariant("min-max", False),
        QuantisationVariant("min-max", True),
    )
    assert _quantised_weights(quantise_graph(graph, PIXELS, all_int8)) == 4
    assert _quantised_weights(quantise_graph(graph, PIXELS, fp32_ends)) == 2
    assert _quantised_weights(quantise_graph(graph, PIXELS, all_int8, names[:1])) == 3


@pytest.mark.parametrize("count", [1, 33, 70])
@pytest.mark.parametrize("calibration", ["min-max", "percentile"])
def test_any_number_of_images(graph, calibration: str, count: int) -> None:
    proto = quantise_graph(graph, PIXELS[:count], QuantisationVariant(calibration, False))
    kinds = Counter(node.op_type for node in proto.graph.node)
    assert kinds["QuantizeLinear"] > 0


def test_percentile_takes_a_limited_number_of_images(graph, monkeypatch) -> None:
    counts = []
    reader = quantise._calibration_reader
    monkeypatch.setattr(
        quantise, "_calibration_reader", lambda pixels: counts.append(len(pixels)) or reader(pixels)
    )
    many = np.concatenate([PIXELS] * 3)
    for calibration in ("min-max", "percentile"):
        for pixels in (many, PIXELS):
            quantise_graph(graph, pixels, QuantisationVariant(calibration, False))
    assert counts == [210, 70, 128, 64]


def test_a_program_keeps_its_own_settings_of_logging(model: Model, graph) -> None:
    logger = logging.getLogger("torch.onnx")
    before = (logger.level, logging.root.manager.disable)
    logger.setLevel(logging.CRITICAL)
    logging.disable(logging.INFO)
    try:
        export_graph(model)
        quantise_graph(graph, PIXELS, VARIANTS[0])
        assert (logger.level, logging.root.manager.disable) == (logging.CRITICAL, logging.INFO)
    finally:
        logger.setLevel(before[0])
        logging.disable(before[1])


def test_the_graph_is_not_changed(graph) -> None:
    before = graph.SerializeToString()
    proto = quantise_graph(graph, PIXELS, VARIANTS[0])
    assert graph.SerializeToString() == before
    assert proto.producer_name == "foveal"
    assert {item.domain for item in proto.opset_import} == {""}


def test_ranges_are_calibrated_once_and_read_again(graph, tmp_path) -> None:
    ranges, names = tmp_path / "ranges.json", weighted_nodes(graph)

    def quantised(pixels, fp32_nodes=(), ranges=None) -> bytes:
        proto = quantise_graph(graph, pixels, VARIANTS[0], fp32_nodes, ranges=ranges)
        return proto.SerializeToString(deterministic=True)

    assert quantised(PIXELS, (), ranges) == quantised(PIXELS)
    black = np.zeros_like(PIXELS[:1])
    assert (
        quantised(black, names[:1], ranges)
        == quantised(PIXELS, names[:1])
        != quantised(black, names[:1])
    )
