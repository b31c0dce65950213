"""The ONNX graph: inputs and outputs, dynamic batch, folded batch norms, no machine paths."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from foveal.exporting.onnx import OPSET, InferenceModule, export_graph, fold_batch_norms
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.spec.layers import BatchNorm, Conv, GlobalAvgPool, Output, Relu
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


@pytest.mark.parametrize("sign", [1, -1])
def test_a_norm_after_a_max_pool_is_folded_if_it_commutes(sign: int) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4)).eval()
    module[2].weight.data.mul_(sign * 2)
    module[2].running_mean.normal_()
    pixels = torch.rand(2, 3, 9, 9)
    folded = fold_batch_norms(module)
    with torch.no_grad():
        torch.testing.assert_close(folded(pixels), module(pixels), atol=1e-5, rtol=1e-5)
    assert isinstance(folded[2], nn.Identity) == (sign > 0)
