"""Exports a model to ONNX bytes in memory; returns them only if they pass the parity check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from foveal.errors import Error
from foveal.exporting.int8_candidates import int8_candidates
from foveal.exporting.onnx import OPSET, export_graph
from foveal.exporting.parity import Parity, ParityLimits, failures, measure_parity
from foveal.exporting.samples import ParitySamples
from foveal.exporting.seal import seal_graph
from foveal.images.decode import decode_array
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.onnx_backend import OnnxBackend
from foveal.prediction.predictor import Predictor
from foveal.prediction.runtime import load_onnxruntime
from foveal.progress import Progress, silent

T = TypeVar("T")
ANY_SIZE_LIMITS = ParityLimits(min_agreement=0.99, max_probability_gap=1.0)
"""Where the graph resizes, a large JPEG is not decoded at reduced size first, as it is here, so
single probabilities may differ; agreement and accuracy are limited all the same."""


@dataclass(frozen=True)
class ExportOptions:
    """What to export; limits None: the defaults for these options."""

    int8: bool = False
    any_size: bool = False
    limits: ParityLimits | None = None

    @property
    def parity_limits(self) -> ParityLimits:
        """The limits of the parity check."""
        return self.limits or (ANY_SIZE_LIMITS if self.any_size else ParityLimits())


@dataclass(frozen=True)
class ExportedModel:
    """An exported file that passed the parity check.

    method: how it was made, such as `fp32` or an int8 variant.  rejected: for int8, one sentence
    for each variant that was tried before and failed.
    """

    content: bytes
    manifest: Manifest
    method: str
    parity: Parity
    rejected: tuple[str, ...] = ()


def export_model(
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
    progress("exporting", 0, None, "tracing the graph")
    graph = export_graph(model, any_size=options.any_size)
    native = Predictor(model).probabilities(samples.pixels)

    def measure(candidate: Any) -> Parity:
        content = candidate.SerializeToString(deterministic=True)
        backend = OnnxBackend(seal_graph(content, model.manifest), Path("the export"))
        exported = _probabilities(backend, samples, model.manifest, options.any_size)
        return measure_parity(native, exported, samples.targets, model.manifest)

    candidates = _candidates(graph, model, calibration, options, progress)
    method, passed, parity, rejected = first_in_parity(
        candidates, measure, len(samples), options, progress
    )
    record = _record(method, parity, options, rejected)
    manifest = model.manifest.model_copy(update={"exported": record})
    content = seal_graph(passed.SerializeToString(deterministic=True), manifest)
    return ExportedModel(content, manifest, method, parity, rejected)


def first_in_parity(
    candidates: Iterable[tuple[str, T]],
    measure: Callable[[T], Parity | str],
    n: int,
    options: ExportOptions,
    progress: Progress,
) -> tuple[str, T, Parity, tuple[str, ...]]:
    """Of (method, candidate) the first that passes on `n` images; why those before did not.

    measure: the figures of a candidate, or in words why there are none.  Raises Error with the
    figures where every candidate fails.
    """
    rejected: list[str] = []
    for method, candidate in candidates:
        progress("exporting", 0, None, f"parity check on {n:,} images")
        parity = measure(candidate)
        if isinstance(parity, str):
            problems: tuple[str, ...] = (parity,)
        else:
            problems = failures(parity, options.parity_limits, quantised=options.int8)
            if not problems:
                return method, candidate, parity, tuple(rejected)
        rejected.append(f"{method}: {' and '.join(problems)}")
    raise failed_export(rejected, n, int8=options.int8)


def _candidates(
    graph: Any,
    model: Model,
    calibration: ParitySamples,
    options: ExportOptions,
    progress: Progress,
) -> Iterator[tuple[str, Any]]:
    """(method, graph) in the order in which they are checked."""
    if options.int8:
        yield from int8_candidates(graph, model, calibration.pixels, progress)
    else:
        yield "fp32", graph


def _probabilities(
    backend: OnnxBackend, samples: ParitySamples, manifest: Manifest, any_size: bool
) -> np.ndarray:
    if not any_size:
        return backend.batched_probabilities(samples.pixels)
    network = manifest.network
    rows = [
        backend.probabilities(
            decode_array(
                samples.read(index),
                channels=network.input.channels,
                background=network.preprocess.background,
                value_range=network.preprocess.range,
            )[None]
        )
        for index in range(len(samples))
    ]
    return np.concatenate(rows)


def _record(
    method: str, parity: Parity, options: ExportOptions, rejected: tuple[str, ...]
) -> dict[str, Any]:
    """What the manifest says of the export."""
    return {
        "format": "onnx",
        "opset": OPSET,
        "precision": "int8" if options.int8 else "fp32",
        "method": method,
        "input": "uint8 (N, height, width, channels)",
        "any_size": options.any_size,
        "parity": parity.to_data(),
        "rejected": list(rejected),
        "onnxruntime": load_onnxruntime().__version__,
    }


def failed_export(rejected: list[str], n: int, *, int8: bool) -> Error:
    """The Error with the figures of every candidate that failed on `n` images."""
    if int8:
        return Error(
            f"every int8 variant failed the parity check on {n:,} images ({'; '.join(rejected)}): "
            "export without --int8, or allow more loss with --max-loss"
        )
    return Error(
        f"nothing was written: the export failed the parity check on {n:,} images "
        f"({'; '.join(rejected)}): relax --min-agreement, --max-gap or --max-loss"
    )
