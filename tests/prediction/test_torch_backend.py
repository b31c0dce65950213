"""The torch backend: modes, flips, and one sentence without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from foveal.model.model import load_model
from foveal.prediction.torch_backend import MIN_FAST_IMAGES, TorchBackend, open_torch_backend

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


def test_features_of_many_images_are_those_of_the_plain_module(native: Path) -> None:
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
        "opening a native model file needs the extra 'train': install Foveal again with [train] "
        "behind its name or folder, as in  pip install '.[train]' False\n"
    )
