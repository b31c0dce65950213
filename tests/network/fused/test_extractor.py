"""Features of many images: those of the plain module, exact in fp32, close in bf16."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from foveal.network.build import build
from foveal.network.fused import batching, extractor
from foveal.network.fused.extractor import FeatureExtractor, split_head
from foveal.network.presets import load_preset
from foveal.spec.preprocess import Input

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 40, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return build(load_preset("efficientnet-lite0", Input(height=40, width=40)), 5).eval()


def _plain(backbone, pixels=PIXELS, flip=False):
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        return backbone(images.flip(3) if flip else images)


def _features(backbone, pixels=PIXELS, **settings):
    return torch.cat(list(FeatureExtractor(backbone, CPU, **settings).iter_features(pixels)))


def test_the_head_of_the_backbone_is_the_module(module):
    backbone, head = split_head(module)
    assert head is module[-1]
    assert head.in_features == 1280
    x = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    assert torch.equal(head(backbone(x)), module(x))


def test_in_fp32_they_are_those_of_the_plain_module(module):
    backbone, _ = split_head(module)
    found, expected = _features(backbone), _plain(backbone)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert F.cosine_similarity(found, expected).min() > 1 - 1e-6


@pytest.mark.parametrize("most", [1, 3, 4, 7, 256])
def test_batches_of_one_size_overlap_and_give_each_image_once(module, monkeypatch, most):
    monkeypatch.setattr(extractor, "MAX_GPU_IMAGES", most)
    backbone, _ = split_head(module)
    made = FeatureExtractor(backbone, CPU)
    sizes, compute = [], made._compute

    def counted(pixels):
        sizes.append(len(pixels))
        return compute(pixels)

    monkeypatch.setattr(made, "_compute", counted)
    found = torch.cat(list(made._iter_equal_batches(PIXELS)))
    torch.testing.assert_close(found, _features(backbone), atol=1e-4, rtol=1e-3)
    assert sizes == [min(most, 7)] * -(-7 // most)
    assert list(made._iter_equal_batches(PIXELS[:0])) == []


def test_in_bf16_they_are_close(module):
    backbone, _ = split_head(module)
    found, expected = _features(backbone, bf16=True), _plain(backbone)
    assert found.dtype == torch.float32
    assert 0 < (found - expected).norm() < 0.1 * expected.norm()


def test_the_mean_of_an_image_and_its_mirror_image(module):
    backbone, _ = split_head(module)
    expected = (_plain(backbone) + _plain(backbone, flip=True)) / 2
    found = _features(backbone, flip_average=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_module_that_changes_later_changes_nothing(module):
    backbone, _ = split_head(build(load_preset("lenet5"), 5))
    pixels = PIXELS[:, :32, :32, :1]
    extractor = FeatureExtractor(backbone, CPU)
    before = torch.cat(list(extractor.iter_features(pixels)))
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.zero_()
    assert before.abs().max() > 0
    torch.testing.assert_close(torch.cat(list(extractor.iter_features(pixels))), before)


def test_a_network_with_dense_layers_before_its_output():
    network = load_preset("lenet5")
    module = build(network, 5).eval()
    pixels = PIXELS[:, : network.input.height, : network.input.width, : network.input.channels]
    backbone, head = split_head(module)
    found, expected = _features(backbone, pixels), _plain(backbone, pixels)
    assert found.shape == (7, head.in_features)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_no_images_have_no_features(module):
    assert list(FeatureExtractor(split_head(module)[0], CPU).iter_features(PIXELS[:0])) == []


def test_read_only_pixels_of_a_memory_map(module, tmp_path):
    np.save(tmp_path / "pixels.npy", PIXELS)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    backbone, _ = split_head(module)
    assert torch.equal(_features(backbone, mapped), _features(backbone))


def test_threads_change_no_bit_and_their_number_stays(module, monkeypatch):
    monkeypatch.setattr(batching, "MAX_MAP_BYTES", {"cpu": 200_000})
    backbone, before = split_head(module)[0], torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = _features(backbone)
        torch.set_num_threads(2)
        found = _features(backbone)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_an_error_in_a_thread_is_raised_and_the_number_of_threads_stays():
    class Broken(nn.Module):
        def forward(self, x):
            if len(x) > 1:
                raise RuntimeError("broken")
            return x.float().mean((2, 3))

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(RuntimeError, match="broken"):
            _features(Broken())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
