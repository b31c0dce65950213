"""Exports a model as a folder of plain PyTorch; it is there only if it passes the parity check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foveal.exporting.export import failed_export
from foveal.exporting.parity import Parity, ParityLimits, failures, measure_parity
from foveal.exporting.pytorch.folder import write_folder, write_readme
from foveal.exporting.pytorch.run import run_folder
from foveal.exporting.samples import ParitySamples
from foveal.files import new_folder
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.prediction import make_prediction
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent
from foveal.text import plural


def export_folder(
    model: Model,
    samples: ParitySamples,
    out: Path,
    limits: ParityLimits | None = None,
    *,
    progress: Progress = silent,
) -> Parity:
    """Write the folder `out`; raises Error with the figures where it fails the parity check."""
    manifest = model.manifest
    with new_folder(out) as folder:
        write_folder(folder, model)
        progress("exporting", 0, None, f"parity check on {len(samples):,} images")
        native = Predictor(model).probabilities(samples.pixels)
        rows = run_folder(folder, samples)
        parity = measure_parity(native, _probabilities(rows, manifest), samples.targets, manifest)
        problems = failures(parity, limits or ParityLimits(), quantised=False)
        if problems := (*problems, *_different_decisions(rows, manifest)):
            raise failed_export([" and ".join(problems)], len(samples), int8=False)
        write_readme(folder, manifest, parity)
    return parity


def _probabilities(rows: list[dict[str, Any]], manifest: Manifest) -> np.ndarray:
    """float32 (N, K), columns as the labels of the manifest."""
    columns = {label: index for index, label in enumerate(manifest.labels)}
    probabilities = np.zeros((len(rows), len(columns)), np.float32)
    for values, row in zip(probabilities, rows, strict=True):
        for item in row["top"]:
            values[columns[item["label"]]] = item["probability"]
    return probabilities


def _different_decisions(rows: list[dict[str, Any]], manifest: Manifest) -> tuple[str, ...]:
    """In words, where thresholds or order are not applied to the same probabilities as here."""
    different = sum(
        make_prediction(values, manifest, row["path"], None).to_data() != row
        for values, row in zip(_probabilities(rows, manifest), rows, strict=True)
    )
    return (f"{plural(different, 'prediction')} decided otherwise",) if different else ()
