"""The onnxruntime backend: its manifest is parsed on demand, its graph is checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import ModelFileError
from foveal.model.file import read_manifest
from foveal.prediction import runtime
from foveal.prediction.onnx_backend import OnnxBackend, open_onnx_backend

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 24, 20, 3), dtype=np.uint8)


def test_batched_probabilities(exported: Path) -> None:
    backend = open_onnx_backend(exported)
    expected = backend.probabilities(PIXELS)
    np.testing.assert_allclose(backend.batched_probabilities(PIXELS, 2), expected, atol=1e-6)


def test_the_manifest_is_that_of_the_native_file(exported: Path, native: Path) -> None:
    backend = open_onnx_backend(exported)
    expected = read_manifest(native)
    assert backend.manifest == expected
    assert backend.inference_manifest.labels == expected.labels


def test_predicting_imports_no_pydantic(exported: Path) -> None:
    script = f"""
import sys, numpy as np, foveal
model = foveal.load({str(exported)!r})
list(model.predict(np.zeros((24, 20, 3), np.uint8)))
model.predict_proba([np.zeros((24, 20, 3), np.uint8)])
model.probabilities(np.zeros((1, 24, 20, 3), np.uint8))
print([name for name in ("pydantic", "torch", "yaml", "typer", "rich") if name in sys.modules])
print(model.manifest.task, "pydantic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\nsingle True\n", done.stderr


def test_pixels_the_graph_does_not_take(exported: Path) -> None:
    backend = open_onnx_backend(exported)
    with pytest.raises(ModelFileError) as caught:
        backend.logits(PIXELS[:, :, :5])
    assert str(caught.value).startswith(f"{exported} cannot be run: ")
    assert str(caught.value).endswith("; export the model again")


def test_a_file_that_is_too_large(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MAX_MODEL_BYTES", 100)
    size = exported.stat().st_size
    with pytest.raises(ModelFileError) as caught:
        open_onnx_backend(exported)
    assert str(caught.value) == (
        f"{exported} is not an ONNX file or is damaged: it has {size:,} bytes, such files have "
        "fewer than 100; export the model again"
    )


def test_threads_change_no_probability(exported: Path) -> None:
    content = exported.read_bytes()
    one, two = (OnnxBackend(content, exported, threads) for threads in (1, 2))
    np.testing.assert_allclose(one.probabilities(PIXELS), two.probabilities(PIXELS), atol=1e-6)
