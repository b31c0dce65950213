"""Candidates are checked in order; the first that passes is exported, or all are reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import Error
from foveal.exporting import export as exporting
from foveal.exporting import quantise
from foveal.exporting.export import ANY_SIZE_LIMITS, ExportOptions, export_model
from foveal.exporting.parity import ParityLimits
from foveal.exporting.samples import ParitySamples, from_run
from foveal.model.model import Model, load_model


@pytest.fixture(scope="module")
def model(digits_run: Path) -> Model:
    return load_model(digits_run / "model.safetensors")


@pytest.fixture(scope="module")
def samples(digits_run: Path, model: Model) -> tuple[ParitySamples, ParitySamples]:
    return from_run(digits_run / "model.safetensors", model.manifest)


def without_weights(graph):
    """The graph with an output layer of zeros: it predicts the same class for every image."""
    import copy

    from onnx import numpy_helper

    graph = copy.deepcopy(graph)
    for tensor in graph.graph.initializer:
        if tensor.name.endswith("output.weight"):
            zeros = np.zeros_like(numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(zeros, tensor.name))
    return graph


def test_limits_default_by_option() -> None:
    assert ExportOptions().parity_limits == ParityLimits(0.999, 1e-4, 0.3)
    assert ExportOptions(any_size=True).parity_limits is ANY_SIZE_LIMITS
    limits = ParityLimits(0.5)
    assert ExportOptions(any_size=True, limits=limits).parity_limits is limits


def test_the_record_in_the_manifest(model: Model, samples) -> None:
    import onnxruntime

    exported = export_model(model, *samples, ExportOptions())
    assert (exported.method, exported.rejected) == ("fp32", ())
    assert exported.manifest.exported == {
        "format": "onnx",
        "opset": 20,
        "precision": "fp32",
        "method": "fp32",
        "input": "uint8 (N, height, width, channels)",
        "any_size": False,
        "parity": exported.parity.to_data(),
        "rejected": [],
        "onnxruntime": onnxruntime.__version__,
    }


def test_the_first_candidate_that_passes(model: Model, samples, monkeypatch) -> None:
    def candidates(graph, *_):
        yield "broken", without_weights(graph)
        yield "whole", graph
        pytest.fail("nothing is tried after a candidate that passed")

    monkeypatch.setattr(exporting, "_candidates", candidates)
    exported = export_model(model, *samples, ExportOptions())
    assert exported.method == "whole"
    assert len(exported.rejected) == 1
    assert exported.rejected[0].startswith("broken: accuracy falls by ")
    assert exported.manifest.exported is not None
    assert exported.manifest.exported["rejected"] == list(exported.rejected)


def test_every_int8_variant_fails(model: Model, samples, monkeypatch) -> None:
    monkeypatch.setattr(
        quantise, "quantise_graph", lambda graph, *_arguments: without_weights(graph)
    )
    with pytest.raises(Error) as caught:
        export_model(model, *samples, ExportOptions(int8=True))
    text = str(caught.value)
    assert text.startswith("every int8 variant failed the parity check on 100 images (min-max, ")
    assert text.count("accuracy falls by") >= 4
    assert text.endswith("export without --int8, or allow more loss with --max-loss")


def test_fp32_fails(model: Model, samples) -> None:
    with pytest.raises(Error) as caught:
        export_model(model, *samples, ExportOptions(limits=ParityLimits(max_probability_gap=0.0)))
    text = str(caught.value)
    assert text.startswith(
        "nothing was written: the export failed the parity check on 100 images "
        "(fp32: probabilities differ by up to "
    )
    assert text.endswith("(limit 0)): relax --min-agreement, --max-gap or --max-loss")
