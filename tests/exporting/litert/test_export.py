"""The first candidate that passes the parity check is exported, or nothing."""

from __future__ import annotations

import contextlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import Error
from foveal.exporting.export import ExportOptions
from foveal.exporting.litert import export as exporting
from foveal.exporting.litert.export import export_litert
from foveal.exporting.litert.process import Candidate
from foveal.exporting.parity import ParityLimits
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.litert_backend import LitertBackend
from foveal.prediction.predictor import Predictor


def test_a_real_export(model: Model, samples) -> None:
    pytest.importorskip("litert_torch")
    exported = export_litert(model, samples, samples, ExportOptions())
    assert (exported.method, exported.rejected) == ("fp32", ())
    backend = LitertBackend(exported.content, Path("a.tflite"))
    expected = Predictor(model).probabilities(samples.pixels)
    np.testing.assert_allclose(backend.probabilities(samples.pixels), expected, atol=1e-5)
    assert backend.manifest == exported.manifest
    record = exported.manifest.exported
    assert record is not None
    assert record.pop("parity") == exported.parity.to_data()
    assert record == {
        "format": "litert",
        "precision": "fp32",
        "method": "fp32",
        "input": "uint8 (1, height, width, channels)",
        "any_size": False,
        "rejected": [],
        "litert": version("ai-edge-litert"),
    }


class FakeBackend:
    """Predicts what the file says: `right` as the model does, else another class."""

    def __init__(self, content: bytes, path: Path) -> None:
        self.right = content.startswith(b"right")

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        assert len(pixels) == len(expected)
        return expected if self.right else np.roll(expected, 1, axis=1)


expected = np.zeros((12, 3), np.float32)


@pytest.fixture
def export(model: Model, samples, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Exports what the given candidates are, without the converter."""
    expected[:] = Predictor(model).probabilities(samples.pixels)
    (tmp_path / "right").write_bytes(b"right")
    (tmp_path / "wrong").write_bytes(b"wrong")
    monkeypatch.setattr(exporting, "LitertBackend", FakeBackend)
    monkeypatch.setattr(exporting, "version", lambda _: "2.3.0")

    def run(names: list[str | None], options: ExportOptions):
        candidates = [
            Candidate(f"method {number}", name and tmp_path / name, None if name else "too odd")
            for number, name in enumerate(names)
        ]
        monkeypatch.setattr(exporting, "converted", lambda *_: contextlib.nullcontext(candidates))
        return export_litert(model, samples, samples, options)

    return run


def test_the_first_that_passes(export) -> None:
    exported = export([None, "wrong", "right", "right"], ExportOptions(int8=True))
    assert exported.method == "method 2"
    assert exported.rejected[0] == "method 0: it cannot be made: too odd"
    assert exported.rejected[1].startswith("method 1: accuracy may fall by ")
    assert exported.manifest.exported is not None
    assert exported.manifest.exported["rejected"] == list(exported.rejected)
    assert exported.content.startswith(b"right")


def test_none_passes(export) -> None:
    limits = ParityLimits(max_accuracy_loss=100, min_agreement=0)
    with pytest.raises(Error) as caught:
        export(["wrong"], ExportOptions(limits=limits))
    gap = np.abs(expected - np.roll(expected, 1, axis=1)).max()
    assert str(caught.value) == (
        "nothing was written: the export failed the parity check on 12 images (method 0: "
        f"probabilities differ by up to {gap:.2g} (limit 0.0001)): relax --min-agreement, "
        "--max-gap or --max-loss"
    )


def test_the_labels_lie_in_the_file(export, model: Model) -> None:
    content = export(["right"], ExportOptions()).content
    assert b"labels.txtant\nbee\ncat\n" in content
    manifest: Manifest = model.manifest
    assert manifest.exported is None
