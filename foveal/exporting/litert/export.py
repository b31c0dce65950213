"""Exports a model to LiteRT bytes in memory; returns them only if they pass the parity check."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from foveal.exporting.export import ExportedModel, ExportOptions, first_in_parity
from foveal.exporting.litert.process import Candidate, converted
from foveal.exporting.parity import Parity, measure_parity
from foveal.exporting.samples import ParitySamples
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.litert_backend import LitertBackend
from foveal.prediction.litert_verify import pack
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent


def export_litert(
    model: Model,
    samples: ParitySamples,
    calibration: ParitySamples,
    options: ExportOptions,
    *,
    progress: Progress = silent,
) -> ExportedModel:
    """Export `model`; raises Error with the figures where every candidate fails the parity check.

    samples: images of the parity check.  calibration: images for the int8 scales.
    """
    progress("exporting", 0, None, "converting to LiteRT")
    native = Predictor(model).probabilities(samples.pixels)

    def measure(candidate: Candidate) -> Parity | str:
        if candidate.file is None:
            return f"it cannot be made: {candidate.problem}"
        return _parity(candidate.file, native, samples, model.manifest)

    with converted(model, calibration.pixels if options.int8 else None) as converted_to:
        candidates = ((candidate.method, candidate) for candidate in converted_to)
        _, candidate, parity, rejected = first_in_parity(
            candidates, measure, len(samples), options, progress
        )
        return _exported(candidate, model.manifest, parity, options, rejected)


def _parity(file: Path, native: np.ndarray, samples: ParitySamples, manifest: Manifest) -> Parity:
    content = pack(file.read_bytes(), manifest.labels, manifest.to_json())
    exported = LitertBackend(content, Path("the export")).probabilities(samples.pixels)
    return measure_parity(native, exported, samples.targets, manifest)


def _exported(
    candidate: Candidate,
    manifest: Manifest,
    parity: Parity,
    options: ExportOptions,
    rejected: tuple[str, ...],
) -> ExportedModel:
    assert candidate.file is not None
    record: dict[str, Any] = {
        "format": "litert",
        "precision": "int8" if options.int8 else "fp32",
        "method": candidate.method,
        "input": "uint8 (1, height, width, channels)",
        "any_size": False,
        "parity": parity.to_data(),
        "rejected": list(rejected),
        "litert": version("ai-edge-litert"),
    }
    sealed = manifest.model_copy(update={"exported": record})
    content = pack(candidate.file.read_bytes(), sealed.labels, sealed.to_json())
    return ExportedModel(content, sealed, candidate.method, parity, rejected)
