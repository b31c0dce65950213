"""Predictions from cached features are those of the network, which runs once for each image."""

import numpy as np
import pytest
import torch

from foveal.network.build import build
from foveal.spec.network import Network
from foveal.training import validation
from foveal.training.tensors import LabelledImages
from foveal.training.transfer import cached_logits as module
from foveal.training.transfer.cached_logits import predict_logits_cached


@pytest.fixture
def network(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    layers = [{"conv": 6}, "batch_norm", "relu", "global_avg_pool", {"output": "softmax"}]
    spec = {"input": {"height": 9, "width": 8, "channels": 3}, "layers": layers}
    return build(Network.model_validate(spec), 4).eval()


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 8, 3), dtype=np.uint8)
    return LabelledImages(pixels, np.zeros(7, np.int64))


@pytest.mark.parametrize("flip", [False, True])
def test_logits_are_those_of_the_network(network, images, flip, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_IMAGES", 3)
    expected = validation.predict_logits(network, images, torch.device("cpu"), flip=flip)
    for _ in range(2):
        found = predict_logits_cached(network, images, flip=flip)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_with_another_output_layer_no_image_passes_the_network_again(network, images, monkeypatch):
    predict_logits_cached(network, images, flip=True)
    with torch.no_grad():
        network[-1].weight.add_(1)
    expected = validation.predict_logits(network, images, torch.device("cpu"), flip=True)
    monkeypatch.setattr(module.FeatureExtractor, "iter_features", None)
    found = predict_logits_cached(network, images, flip=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
