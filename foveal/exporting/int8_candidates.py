"""The int8 variants of a graph that are worth checking, the one expected to be best first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foveal.exporting import quantise
from foveal.exporting.gptq import RoundedWeights, round_weights
from foveal.exporting.int8_graph import fold_normalisation
from foveal.exporting.parity import measure_parity
from foveal.exporting.seal import seal_graph
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.onnx_backend import OnnxBackend
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress

MIN_AGREEMENT_GAIN = 0.002
"""Share of calibration images that must agree more for two slower fp32 layers to be worth it."""
MAX_DISAGREEMENT = 0.02
"""Share of calibration images with another class from which sensitive layers are looked for first.

Below it they are looked for only once the parity check has rejected all layers in int8."""
_SENSITIVITY_IMAGES = (32, 256)
"""Fewest and most images; a network with many layers or large images is measured on fewer."""
_SENSITIVITY_PIXELS = 256 * 128 * 128 * 20
"""Pixels in all: 256 images of 128 px for each of 20 layers, about two minutes on two cores."""


def int8_candidates(
    graph: Any, model: Model, pixels: np.ndarray, progress: Progress
) -> Iterator[tuple[str, Any]]:
    """Yield (method, int8 onnx.ModelProto); pixels: uint8 (N, H, W, C) to calibrate on."""
    graph = fold_normalisation(graph)
    has_middle = len(quantise.weighted_nodes(graph)) > 2  # else nothing is left to quantise
    variants = list(
        dict.fromkeys(
            replace(one, fp32_ends=one.fp32_ends and has_middle) for one in quantise.VARIANTS
        )
    )
    first, others = variants[: 1 + has_middle], variants[1 + has_middle :]
    progress("exporting", 0, None, f"calibrating on {len(pixels):,} images")
    rounded = round_weights(graph, pixels)
    main = [
        (variant.name, quantise.quantise_graph(graph, pixels, variant, (), rounded))
        for variant in first
    ]
    native = Predictor(model).probabilities(pixels)
    agreements = [_agreement(candidate, model, native, pixels) for _, candidate in main]
    if agreements[-1] > agreements[0] + MIN_AGREEMENT_GAIN:
        main.reverse()
    if max(agreements) >= 1 - MAX_DISAGREEMENT:
        yield from main
    yield from _mixed_precision(graph, model, native, pixels, rounded, progress)
    if max(agreements) < 1 - MAX_DISAGREEMENT:
        yield from main
    for variant in others:
        yield variant.name, quantise.quantise_graph(graph, pixels, variant, (), rounded)


def _mixed_precision(
    graph: Any,
    model: Model,
    native: np.ndarray,
    pixels: np.ndarray,
    rounded: Mapping[str, RoundedWeights],
    progress: Progress,
) -> Iterator[tuple[str, Any]]:
    """int8 with the most sensitive quarter of the layers in fp32, then the half."""
    variant, names = quantise.VARIANTS[0], quantise.weighted_nodes(graph)
    sample = pixels[: sensitivity_images(len(names), *pixels.shape[1:3])]
    error = {}
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder:
        ranges = Path(folder) / "ranges.json"  # the same for every layer: calibrated once
        for done, name in enumerate(names):  # one wide channel is enough: maps share a scale
            progress("exporting", done, len(names), "measuring the sensitivity of layers to int8")
            others = [other for other in names if other != name]
            candidate = quantise.quantise_graph(graph, sample, variant, others, rounded, ranges)
            difference = _probabilities(candidate, model, sample) - native[: len(sample)]
            error[name] = float(np.abs(difference).mean())
    by_error = sorted(names, key=lambda name: -error[name])
    for count in sorted({len(names) // 4, len(names) // 2} - {0}):
        method = f"{variant.calibration}, {count} of {len(names)} layers fp32"
        yield method, quantise.quantise_graph(graph, pixels, variant, by_error[:count], rounded)


def sensitivity_images(layers: int, height: int, width: int) -> int:
    """How many images the sensitivity of each of so many layers is measured on."""
    fewest, most = _SENSITIVITY_IMAGES
    return max(fewest, min(most, _SENSITIVITY_PIXELS // (layers * height * width)))


def _agreement(candidate: Any, model: Model, native: np.ndarray, pixels: np.ndarray) -> float:
    exported = _probabilities(candidate, model, pixels)
    manifest = _without_thresholds(model.manifest)
    return measure_parity(native, exported, native.argmax(1), manifest).agreement


def _probabilities(candidate: Any, model: Model, pixels: np.ndarray) -> np.ndarray:
    content = seal_graph(candidate.SerializeToString(deterministic=True), model.manifest)
    return OnnxBackend(content, Path("the export")).batched_probabilities(pixels)


def _without_thresholds(manifest: Manifest) -> Manifest:
    """The same model with the most probable class as its prediction."""
    thresholds = manifest.thresholds.model_copy(
        update={"positive_class": None, "operating_point": None}
    )
    return manifest.model_copy(update={"task": "single", "thresholds": thresholds})
