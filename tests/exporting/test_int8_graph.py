"""Rewritten int8 graphs: the same answers, and 8-bit operators from the pixels to the last map."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnxruntime
import pytest
import torch

from foveal.exporting import quantise
from foveal.exporting.int8_graph import fold_normalisation
from foveal.exporting.onnx import export_graph
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.spec.layers import (
    BatchNorm,
    Concat,
    Conv,
    Dense,
    Flatten,
    Gelu,
    GlobalAvgPool,
    Output,
    Relu,
)
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess

LABELS = tuple("abcd")
ALIKE, APART = (0.5, 0.49, 0.51), (0.2, 0.5, 0.9)
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3), dtype=np.uint8)


def graph(padding="valid", mean=APART, *, flip=False, groups=1):
    torch.manual_seed(0)
    network = Network(
        input=Input(height=12, width=12, channels=3),
        preprocess=Preprocess(mean=mean, std=(0.2, 0.25, 0.3), flip_average=flip),
        layers=(
            Conv(12, padding=padding, groups=groups),
            BatchNorm(),
            Gelu(),
            Conv(16),
            BatchNorm(),
            Gelu(),
            Conv(8),
            GlobalAvgPool(),
            Output(),
        ),
    )
    module = network.build(4)
    with torch.no_grad():
        module.train()(torch.from_numpy(PIXELS).permute(0, 3, 1, 2).float())
    return export_graph(Model(module.eval(), Manifest(network=network, labels=LABELS)))


def logits(proto, level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(["logits"], {"pixels": PIXELS})[0]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("padding", "mean"), [("valid", APART), ("valid", ALIKE)])
def test_folding_changes_nothing(padding, mean, flip):
    plain = graph(padding, mean, flip=flip)
    folded = fold_normalisation(plain)
    assert folded.SerializeToString() != plain.SerializeToString()
    np.testing.assert_allclose(logits(folded), logits(plain), rtol=1e-4, atol=1e-5)


def test_a_padded_cell_is_about_the_mean():
    plain = graph("same", ALIKE)
    folded = fold_normalisation(plain)
    assert folded.SerializeToString() != plain.SerializeToString()
    gap = np.abs(logits(folded) - logits(plain)).max()
    assert 0 < gap < 0.05 * np.abs(logits(plain)).max()


@pytest.mark.parametrize("keys", [{"padding": "same", "mean": APART}, {"groups": 3}], ids=str)
def test_what_cannot_be_folded_is_left(keys):
    plain = graph(**keys)
    assert fold_normalisation(plain).SerializeToString() == plain.SerializeToString()


def test_two_convolutions_after_the_normalisation_are_left():
    network = Network(
        input=Input(height=12, width=12, channels=3),
        layers=(
            Concat(branches=[[Conv(4, padding="valid")], [Conv(4, padding="valid")]]),
            GlobalAvgPool(),
            Output(),
        ),
    )
    plain = export_graph(Model(network.build(4).eval(), Manifest(network=network, labels=LABELS)))
    assert fold_normalisation(plain).SerializeToString() == plain.SerializeToString()
    small = quantise.quantise_graph(plain, PIXELS, quantise.QuantisationVariant("min-max", False))
    assert np.abs(logits(small) - logits(plain)).max() < 0.1


def test_a_network_without_convolution_is_left():
    network = Network(input=Input(height=12, width=12), layers=(GlobalAvgPool(), Output()))
    plain = export_graph(Model(network.build(4).eval(), Manifest(network=network, labels=LABELS)))
    assert fold_normalisation(plain).SerializeToString() == plain.SerializeToString()


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("flip", [False, True])
def test_int8_is_near_and_all_in_8_bits(exact, flip):
    plain = graph(flip=flip)
    small = quantise.quantise_graph(
        fold_normalisation(plain), PIXELS, quantise.QuantisationVariant("min-max", False, exact)
    )
    expected, actual = logits(plain), logits(small)
    assert np.abs(actual - expected).mean() < 0.1 * np.abs(expected).std()
    kinds = Counter(node.op_type for node in small.graph.node)
    assert kinds["Cast"] == kinds["Sub"] == 0  # the pixels are the first convolution's input
    assert (kinds["Gelu"], kinds["Sigmoid"]) == ((2, 0) if exact else (0, 2))
    used = {name for node in small.graph.node for name in node.input}
    assert {tensor.name for tensor in small.graph.initializer} <= used


def test_the_sigmoid_is_no_worse_than_rounding_to_8_bits():
    x = np.linspace(-8, 8, 10_001)
    exact = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    gap = np.abs(x / (1 + np.exp(-1.702 * x)) - exact).max()
    assert gap < 0.021
    assert gap < (8 - quantise.GELU_FLOOR) / 255 / 2 + 1e-3


def test_the_runtime_takes_8_bit_operators(tmp_path):
    small = quantise.quantise_graph(
        fold_normalisation(graph()), PIXELS, quantise.QuantisationVariant("min-max", False)
    )
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        small.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    import onnx

    optimised = onnx.load(tmp_path / "optimised.onnx")
    kinds = Counter(node.op_type for node in optimised.graph.node)
    assert kinds["QLinearConv"] == 3
    assert kinds["QLinearSigmoid"] == kinds["QLinearMul"] == 2
    assert kinds["Gelu"] == 0


@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_a_layer_left_in_fp32_is_computed_in_fp32_between_8_bit_layers(kind):
    """Else the one large weight, of an input that is always 0, is the scale of all."""
    if kind == "conv":
        middle = (Conv(6), Relu(), Conv(6, groups="depthwise"), Relu(), Conv(6), GlobalAvgPool())
    else:
        middle = (Flatten(), Dense(6), Relu(), Dense(6), Relu())
    network = Network(
        input=Input(height=12, width=12, channels=3),
        layers=(Conv(6), Relu(), *middle, Output()),
    )
    module = network.build(4).eval()
    with torch.no_grad():
        for name in ("weight", "bias"):
            module.get_parameter(f"{kind}_{2 if kind == 'conv' else 1}.{name}")[0] = 0
        name = {"conv": "conv_3", "dense": "dense_2"}[kind]
        weight = module.get_parameter(f"{name}.weight")
        weight[(0,) if kind == "conv" else (slice(None), 0)] = 1000
    proto = export_graph(Model(module, Manifest(network=network, labels=LABELS)))
    left = [
        node.name
        for node in proto.graph.node
        if any(given.endswith(f"{name}.weight") for given in node.input)
    ]
    assert len(left) == 1
    quantised = quantise.quantise_graph(proto, PIXELS, quantise.VARIANTS[0], left)
    exact = logits(quantised, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    gap = np.abs(logits(quantised) - exact).mean()
    assert gap < 0.05 * exact.std(axis=0).mean()
