"""The ONNX graph: inputs and outputs, dynamic batch, folded batch norms, no machine paths."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from foveal.exporting.onnx import (
    OPSET,
    InferenceModule,
    export_graph,
)
from foveal.exporting.quantise import VARIANTS, quantise_graph
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.spec.layers import (
    BatchNorm,
    Conv,
    Gelu,
    GlobalAvgPool,
    HardSigmoid,
    HardSwish,
    LayerScale,
    Output,
    Relu,
    Relu6,
    Residual,
    SqueezeExcite,
)
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess


def random_model(labels, function="softmax", *, flip=False, **manifest) -> Model:
    network = Network(
        input=Input(height=6, width=5, channels=3),
        preprocess=Preprocess(flip_average=flip),
        layers=(Conv(4), BatchNorm(), Relu(), GlobalAvgPool(), Output(function)),
    )
    written = Manifest(network=network, labels=labels, temperature=0.5, **manifest)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model(network.build(len(labels), task=written.task).eval(), written)


@pytest.mark.parametrize(
    "model",
    [
        random_model(("a", "b", "c")),
        random_model(("a", "b", "c"), flip=True),
        random_model(("a", "b"), "sigmoid"),
        random_model(("a", "b", "c"), "sigmoid", task="multi"),
    ],
    ids=["softmax", "flip", "one unit", "multi"],
)
def test_the_graph_is_the_inference_module(model: Model) -> None:
    graph = export_graph(model)
    assert [item.name for item in graph.graph.input] == ["pixels"]
    assert [item.name for item in graph.graph.output] == ["probabilities", "logits"]
    assert [(item.domain, item.version) for item in graph.opset_import] == [("", OPSET)]
    assert not any(node.op_type == "BatchNormalization" for node in graph.graph.node)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    module = InferenceModule(model.module, model.manifest, any_size=False).eval()
    for count in (1, 3):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = module(torch.from_numpy(pixels))
        probabilities, logits = session.run(None, {"pixels": pixels})
        np.testing.assert_allclose(probabilities, expected[0], atol=1e-5)
        np.testing.assert_allclose(logits, expected[1], atol=1e-4)
        assert probabilities.shape == (count, len(model.labels))


def test_no_trace_of_this_machine() -> None:
    graph = export_graph(random_model(("a", "b")))
    content = graph.SerializeToString()
    for word in (b"site-packages", b"/torch/", b"foveal/", b"pytorch"):
        assert word not in content
    assert (graph.producer_name, graph.producer_version) == ("foveal", "")


MOBILE = (
    *(Conv(8, stride=2), BatchNorm(), Relu6()),
    Residual(
        layers=(
            *(Conv(16, kernel=1), BatchNorm(), HardSwish()),
            *(Conv(16, groups="depthwise"), BatchNorm(), HardSwish()),
            SqueezeExcite(hidden=4, activation="silu", gate="hard_sigmoid"),
            *(Conv(8, kernel=1), BatchNorm()),
        ),
        stochastic_depth=0.2,
    ),
    Residual(layers=(Conv(8, groups="depthwise"), Gelu(), Conv(8, kernel=1), LayerScale(0.5))),
    HardSigmoid(),
    *(GlobalAvgPool(), Output()),
)


@pytest.fixture(scope="module")
def mobile() -> Model:
    network = Network(input=Input(height=16, width=16), layers=MOBILE)
    torch.manual_seed(3)
    module = network.build(3)
    module.train()(torch.randint(0, 256, (64, 3, 16, 16)))  # norms that are not the identity
    return Model(module.eval(), Manifest(network=network, labels=("a", "b", "c")))


def test_every_layer_of_mobile_networks_is_exported(mobile: Model) -> None:
    graph = export_graph(mobile)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = mobile.module(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    np.testing.assert_allclose(session.run(["logits"], {"pixels": pixels})[0], expected, atol=1e-4)
    kinds = {node.op_type for node in graph.graph.node}
    assert {"Clip", "HardSwish", "HardSigmoid", "Gelu"} <= kinds


def test_every_layer_of_mobile_networks_in_int8(mobile: Model) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
    proto = quantise_graph(export_graph(mobile), pixels, VARIANTS[0])
    assert not any(node.op_type == "Clip" for node in proto.graph.node)  # part of the 8-bit range
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    with torch.inference_mode():
        expected = mobile.module(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    got = session.run(["logits"], {"pixels": pixels})[0]
    assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.95
