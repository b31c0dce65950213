"""Features of many images: those of the plain module, to bf16's rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from foveal.errors import TrainingError
from foveal.network.build import build
from foveal.network.fused import batching
from foveal.network.fused.extractor import split_head
from foveal.network.presets import load_preset
from foveal.spec.preprocess import Input
from foveal.training.transfer import features
from foveal.training.transfer.features import extract_features

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 40, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return build(load_preset("efficientnet-lite0", Input(height=40, width=40)), 5).eval()


def _plain(backbone, pixels=PIXELS):
    with torch.no_grad():
        return backbone(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())


def test_in_fp32_they_are_those_of_the_plain_module(module, monkeypatch):
    monkeypatch.setattr(features, "has_fast_bf16", lambda device: False)
    backbone, _ = split_head(module)
    found = extract_features(backbone, PIXELS, CPU)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, _plain(backbone), rtol=1e-4, atol=1e-4)


def test_in_bf16_they_are_close(module, monkeypatch):
    monkeypatch.setattr(features, "has_fast_bf16", lambda device: True)
    backbone, _ = split_head(module)
    found, expected = extract_features(backbone, PIXELS, CPU), _plain(backbone)
    assert found.dtype == torch.float32
    assert (found - expected).norm() < 0.1 * expected.norm()


def test_batches_change_nothing_and_neither_does_the_module(module, monkeypatch):
    backbone, _ = split_head(module)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    whole = extract_features(backbone, PIXELS, CPU)
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 1})
    single = extract_features(backbone, PIXELS, CPU)
    assert (single - whole).norm() < 0.02 * whole.norm()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert {value.dtype for value in module.parameters()} == {torch.float32}


def test_no_images_have_no_features(module):
    assert extract_features(split_head(module)[0], PIXELS[:0], CPU).shape[0] == 0


def test_features_that_are_not_finite_stop_the_work():
    class Broken(nn.Module):
        def forward(self, x):
            values = x.float().mean((2, 3)).clone()
            values[:, 1] = torch.where(values[:, 0] > 100, float("nan"), values[:, 1])
            return values

    pixels = np.zeros((4, 2, 2, 3), np.uint8)
    pixels[2:] = 255
    with pytest.raises(TrainingError) as error:
        extract_features(Broken(), pixels, CPU)
    assert str(error.value) == (
        "the features of 2 images of 4 are not finite, those of image 3 first; the weights that "
        "training starts from are damaged or far too large: take others with --from, or --from "
        "scratch"
    )
