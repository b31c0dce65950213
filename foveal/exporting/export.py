"""Makes an exported file in memory and lets it through only if it agrees with the original.

Knows nothing of the disk or of where images come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import Error
from foveal.exporting import quantise
from foveal.exporting.gptq import RoundedWeights, roundings
from foveal.exporting.int8_graph import fold_normalisation
from foveal.exporting.onnx import OPSET, onnx_graph
from foveal.exporting.parity import Parity, ParityLimits, compare, shortfalls
from foveal.exporting.samples import ParitySamples
from foveal.exporting.seal import seal_graph
from foveal.images.decode import decode_array
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.onnx_backend import OnnxBackend
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent

ANY_SIZE_GAP = 1.0
"""Where images are fitted in the graph a large JPEG is not decoded smaller first, as it is here,
so single probabilities may move; agreement and accuracy are held to all the same."""
ANY_SIZE_AGREEMENT = 0.99


@dataclass(frozen=True)
class Exported:
    """A file that passed: its bytes, its manifest, and how it compares.

    tried: for int8, one sentence for each way that was tried and refused.
    """

    content: bytes
    manifest: Manifest
    parity: Parity
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportOptions:
    """What was asked for; limits None takes the defaults of what is exported."""

    int8: bool = False
    any_size: bool = False
    limits: ParityLimits | None = None

    def resolved(self) -> ParityLimits:
        """The limits that hold."""
        if self.limits is not None:
            return self.limits
        if self.any_size:
            return ParityLimits(agreement=ANY_SIZE_AGREEMENT, gap=ANY_SIZE_GAP)
        return ParityLimits()


def export(
    model: Model,
    judged: ParitySamples,
    calibrated: ParitySamples,
    choices: ExportOptions,
    *,
    progress: Progress = silent,
) -> Exported:
    """The exported file of `model`; raises Error with the figures where it does not agree.

    judged: images it must agree on.  calibrated: images the scales of int8 come from.
    """
    progress("exporting", 0, None, "drawing the graph")
    graph = onnx_graph(model, any_size=choices.any_size)
    native = Predictor(model)
    truth = native.probabilities(judged.pixels)
    tried: list[str] = []
    for name, drawn in _drawn(graph, model, calibrated, choices, progress):
        progress("exporting", 0, None, f"judging on {len(judged):,} images")
        content = drawn.SerializeToString(deterministic=True)
        session = OnnxBackend(seal_graph(content, model.manifest), Path("the export"))
        answers = _answers(session, judged, model.manifest, choices.any_size)
        parity = compare(truth, answers, judged.targets, model.manifest)
        found = shortfalls(parity, choices.resolved(), quantised=choices.int8)
        if not found:
            manifest = _manifest(model, name, parity, choices, tuple(tried))
            return Exported(seal_graph(content, manifest), manifest, parity, tuple(tried))
        tried.append(f"{name}: {' and '.join(found)}")
    raise Error(_refusal(tried, len(judged), int8=choices.int8))


def _drawn(
    graph: Any, model: Model, calibrated: ParitySamples, choices: ExportOptions, progress: Progress
) -> Iterator[tuple[str, Any]]:
    """The graphs to judge, the one that should be best first."""
    if not choices.int8:
        yield "fp32", graph
        return
    plain, spared, *others = quantise.VARIANTS
    graph, pixels = fold_normalisation(graph), calibrated.pixels
    progress("exporting", 0, None, f"calibrating on {len(calibrated):,} images")
    rounded = roundings(graph, pixels)
    both = [
        (variant.name, quantise.quantised(graph, pixels, variant, (), rounded))
        for variant in (plain, spared)
    ]
    truth = Predictor(model).probabilities(pixels)
    kept = [_agreement(drawn, model, truth, pixels) for _, drawn in both]
    if kept[1] > kept[0] + HELPS:
        both.reverse()
    if max(kept) >= 1 - HURTS:
        yield from both
    progress("exporting", 0, None, "finding the layers that int8 hurts")
    yield from _sparing(graph, model, truth, pixels, rounded)
    if max(kept) < 1 - HURTS:
        yield from both
    for variant in others:
        yield variant.name, quantise.quantised(graph, pixels, variant, (), rounded)


HELPS = 0.002
"""Share of calibration images that must agree more for two slower layers to be worth it."""
HURTS = 0.02
"""Share of calibration images that change where a layer must be at fault: it is looked for first.

Where fewer do, it is looked for only once the gate has refused all layers in int8."""
_PROBED = 256


def _sparing(
    graph: Any,
    model: Model,
    truth: np.ndarray,
    pixels: np.ndarray,
    rounded: Mapping[str, RoundedWeights],
) -> Iterator[tuple[str, Any]]:
    """int8 but for the layers that hurt most alone: a quarter of them, then half."""
    plain, names, few = quantise.VARIANTS[0], quantise.layers(graph), pixels[:_PROBED]
    harm = {}
    for name in names:  # one channel of a wide range is enough: a map's channels share a scale
        others = [other for other in names if other != name]
        alone = quantise.quantised(graph, few, plain, others, rounded)
        harm[name] = float(np.abs(_scored(alone, model, few) - truth[:_PROBED]).mean())
    worst = sorted(names, key=lambda name: -harm[name])
    for count in sorted({len(names) // 4, len(names) // 2} - {0}):
        name = f"{plain.method}, {count} of {len(names)} layers fp32"
        yield name, quantise.quantised(graph, pixels, plain, worst[:count], rounded)


def _agreement(drawn: Any, model: Model, truth: np.ndarray, pixels: np.ndarray) -> float:
    answers = _scored(drawn, model, pixels)
    return compare(truth, answers, truth.argmax(1), _single(model.manifest)).agreement


def _scored(drawn: Any, model: Model, pixels: np.ndarray) -> np.ndarray:
    content = seal_graph(drawn.SerializeToString(deterministic=True), model.manifest)
    return _in_batches(OnnxBackend(content, Path("the export")), pixels)


def _single(manifest: Manifest) -> Manifest:
    """The same model judged by its most probable class alone."""
    plain = manifest.thresholds.model_copy(update={"positive_class": None, "operating_point": None})
    return manifest.model_copy(update={"task": "single", "thresholds": plain})


def _answers(
    session: OnnxBackend, judged: ParitySamples, manifest: Manifest, any_size: bool
) -> np.ndarray:
    if not any_size:
        return _in_batches(session, judged.pixels)
    network = manifest.network
    rows = [
        session.probabilities(
            decode_array(
                judged.contents(place),
                channels=network.input.channels,
                background=network.preprocess.background,
            )[None]
        )
        for place in range(len(judged))
    ]
    return np.concatenate(rows)


def _in_batches(session: OnnxBackend, pixels: np.ndarray, size: int = 64) -> np.ndarray:
    return np.concatenate(
        [session.probabilities(pixels[at : at + size]) for at in range(0, len(pixels), size)]
    )


def _manifest(
    model: Model, name: str, parity: Parity, choices: ExportOptions, tried: tuple[str, ...]
) -> Manifest:
    import onnxruntime

    record = {
        "format": "onnx",
        "opset": OPSET,
        "precision": "int8" if choices.int8 else "fp32",
        "made": name,
        "input": "uint8 (N, height, width, channels)",
        "any_size": choices.any_size,
        "parity": parity.to_data(),
        "refused": list(tried),
        "onnxruntime": onnxruntime.__version__,
    }
    return model.manifest.model_copy(update={"exported": record})


def _refusal(tried: list[str], n: int, *, int8: bool) -> str:
    if int8:
        return (
            f"int8 was refused on {n:,} images whichever way it was made ({'; '.join(tried)}): "
            "export without --int8, or allow more with --max-loss"
        )
    return (
        f"nothing was written: on {n:,} images the export does not agree with the model "
        f"({'; '.join(tried)}): allow more with --min-agreement, --max-gap or --max-loss"
    )
