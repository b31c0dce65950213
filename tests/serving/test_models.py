"""An image gets the same bits alone, where it may use every core, and in company."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.prediction.predictor import Predictor
from foveal.serving.metrics import Metrics
from foveal.serving.models import load
from foveal.serving.settings import Settings


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file with every kind of layer a preset has."""
    import torch

    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.network.presets import load_preset
    from foveal.spec.preprocess import Input

    torch.manual_seed(0)
    network = load_preset("swift-s", Input(height=48, width=48, channels=3))
    labels = tuple("abcdefg")
    model = Model(network.build(len(labels)).eval(), Manifest(network=network, labels=labels))
    path = tmp_path_factory.mktemp("swift") / "swift.onnx"
    graph = export_graph(model).SerializeToString(deterministic=True)
    path.write_bytes(seal_graph(graph, model.manifest))
    return path


def test_the_number_of_threads_changes_no_bit(swift: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 48, 48, 3), dtype=np.uint8)
    wanted = Predictor(swift).probabilities(pixels)
    for threads in (1, 2, 3, 8):
        predictor = Predictor(swift, threads=threads)
        assert np.array_equal(predictor.probabilities(pixels), wanted)
        alone = [predictor.probabilities(pixels[row : row + 1])[0] for row in range(9)]
        assert np.array_equal(np.stack(alone), wanted)


def test_alone_and_in_company_the_answer_is_the_predictors(swift: Path, monkeypatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    settings = Settings(models={"swift": swift}, workers=4)
    assert (settings.network_threads, settings.alone_threads) == (1, 4)
    answer = load("swift", swift, settings, Metrics()).batcher._answer
    pixels = np.random.default_rng(1).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    wanted = Predictor(swift).probabilities(pixels)
    assert np.array_equal(answer(pixels), wanted)
    assert np.array_equal(answer(pixels[2:3]), wanted[2:3])
