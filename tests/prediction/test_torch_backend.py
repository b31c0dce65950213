"""The torch backend: modes, flips, and one sentence without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.model.manifest import Manifest
from foveal.model.model import Model, load_model
from foveal.network.cost import network_cost
from foveal.network.presets import load_preset
from foveal.prediction import torch_backend
from foveal.prediction.torch_backend import MIN_FAST_IMAGES, TorchBackend, open_torch_backend
from foveal.spec.preprocess import Input

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 24, 20, 3), dtype=np.uint8)


def test_logits_are_averaged_over_the_flip(native: Path) -> None:
    backend = open_torch_backend(native)
    module = backend.model.module
    batch = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = (module(batch) + module(batch.flip(3))) / 2
    np.testing.assert_array_equal(backend.logits(PIXELS), expected.numpy())
    assert backend.inference_manifest is backend.manifest


def test_features_are_what_the_output_layer_receives(native: Path) -> None:
    backend = open_torch_backend(native)
    module = backend.model.module
    received = []
    module.output.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0]))
    logits = backend.logits(PIXELS)
    features = backend.features(PIXELS)
    assert (features.dtype, features.shape) == (np.float32, (3, backend.feature_count))
    expected = (received[0] + received[1]) / 2  # of the image and of its flip
    np.testing.assert_array_equal(features, expected.numpy())
    with torch.inference_mode():
        again = module.output(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(again, logits, atol=1e-5)


def test_features_of_many_images_are_those_of_the_plain_module(
    native: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_backend, "MIN_FAST_MULTIPLY_ADDS", 0)
    backend = open_torch_backend(native)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 24, 20, 3), dtype=np.uint8)
    expected = backend.features(pixels)
    compute = backend.feature_function()
    before = compute(pixels[:MIN_FAST_IMAGES])
    found = np.concatenate([before, compute(pixels[MIN_FAST_IMAGES:-1]), compute(pixels[-1:])])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(backend.feature_function()(pixels[:3]), expected[:3])
    with torch.no_grad():
        backend.model.module[0].mean.add_(1)
    np.testing.assert_array_equal(compute(pixels[:MIN_FAST_IMAGES]), before)
    assert np.abs(backend.feature_function()(pixels) - expected).max() > 1e-3


def test_logits_of_many_images_are_those_of_the_plain_module(
    native: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_backend, "MIN_FAST_MULTIPLY_ADDS", 0)
    backend = open_torch_backend(native)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 24, 20, 3), dtype=np.uint8)
    expected = backend.logits(pixels)
    compute = backend.logits_function()
    np.testing.assert_array_equal(compute(pixels[:3]), expected[:3])
    before = compute(pixels[:MIN_FAST_IMAGES])
    found = np.concatenate([before, compute(pixels[MIN_FAST_IMAGES:-1]), compute(pixels[-1:])])
    assert (found.dtype, compute(pixels[:0]).shape) == (np.float32, (0, expected.shape[1]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    with torch.no_grad():
        backend.model.module.output.bias.add_(1)
    np.testing.assert_array_equal(compute(pixels[:MIN_FAST_IMAGES]), before)
    np.testing.assert_allclose(backend.logits_function()(pixels), expected + 1, atol=1e-4)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "mobilenet-v3-small", "convnext-tiny"])
def test_logits_of_published_networks_are_those_of_the_plain_module(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_backend, "MIN_FAST_MULTIPLY_ADDS", 0)
    network = load_preset(name, Input(height=64, width=64))
    torch.manual_seed(0)
    module = network.build(5)
    pixels = np.random.default_rng(2).integers(0, 256, (MIN_FAST_IMAGES, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():  # statistics that are not 0 and 1
        module.train()(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    backend = TorchBackend(Model(module.eval(), Manifest(network=network, labels=tuple("abcde"))))
    expected = backend.logits(pixels)
    assert (
        np.abs(backend.logits_function()(pixels) - expected).max() < 1e-4 * np.abs(expected).max()
    )


def test_a_network_is_folded_when_the_images_are_worth_it(
    native: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_torch_backend(native)
    work = network_cost(backend.manifest.network, len(backend.manifest.labels)).multiply_adds
    monkeypatch.setattr(torch_backend, "MIN_FAST_MULTIPLY_ADDS", 20 * work)
    monkeypatch.setattr(
        TorchBackend, "_fast_logits", lambda _: lambda pixels: -np.ones(len(pixels))
    )
    compute = backend.logits_function()
    results = [compute(np.repeat(PIXELS[:1], count, 0)) for count in (15, 4, 1, 1)]
    assert [bool((result == -1).all()) for result in results] == [False, False, True, True]


def test_the_mode_of_the_module_is_restored(native: Path) -> None:
    model = load_model(native)
    backend = TorchBackend(model)
    in_eval = backend.logits(PIXELS)
    model.module.train()
    np.testing.assert_array_equal(backend.logits(PIXELS), in_eval)
    assert model.module.training


def test_read_only_pixels(native: Path) -> None:
    pixels = PIXELS.copy()
    pixels.flags.writeable = False
    backend = open_torch_backend(native)
    np.testing.assert_array_equal(backend.logits(pixels), backend.logits(PIXELS))


def test_without_torch(native: Path) -> None:
    script = f"""
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
import foveal
try:
    foveal.load({str(native)!r})
except foveal.Error as error:
    print(error, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == (
        "opening a native model file needs the extra 'train': "
        "type  pip install 'foveal[train]' False\n"
    )
