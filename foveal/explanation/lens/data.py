"""The data of the lens page: an explanation as JSON, at most 15 MB with the page around it.

Knows nothing of HTML; `pages` puts the data into the built page.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from foveal.explanation.explain import Attribution, Explanation
from foveal.explanation.faithfulness import Curves, Verdict
from foveal.explanation.lens.packing import layers, packed
from foveal.explanation.lens.sampling import BUDGET, sampled
from foveal.explanation.top_activations import SHOWN, TopImages
from foveal.images.thumbnail import thumbnail_uri
from foveal.prediction.prediction import probabilities_from_logits

SIDE = 224
"""Longest side of the decisive pixels' maps on the page."""
IMAGES = 1_500_000
"""Bytes of training images on the page at most."""


def data(explanation: Explanation, *, budget: int = BUDGET) -> dict[str, Any]:
    """The JSON object of the page; finite numbers only.

    budget: bytes of packed maps and filters; what does not fit is sampled, and the page says so.
    """
    recording, manifest = explanation.activations, explanation.model.manifest
    target = min(explanation.target, recording.nodes[-1].shape[0] - 1)
    maps = sampled(recording, target, budget)
    every = sum(node.shape[0] for node in recording.nodes if len(node.shape) == 3)
    shown = sum(len(m) for m, n in zip(maps, recording.nodes, strict=True) if len(n.shape) == 3)
    found = layers(recording, maps, explanation.shifts)
    found[-1]["settings"] |= _answer(explanation, maps[-1])
    return {
        "label": explanation.label,
        "probability": explanation.probability,
        "labels": list(manifest.labels),
        "task": manifest.task,
        "top": [choice.to_data() for choice in explanation.prediction.top],
        "abstained": explanation.prediction.abstained,
        "flip_average": manifest.network.preprocess.flip_average,
        "temperature": manifest.temperature,
        "target": explanation.target,
        "name": explanation.name,
        "model": {
            "weights": sum(node.weights for node in recording.nodes),
            "multiply_adds": sum(node.multiply_adds for node in recording.nodes),
            "layers": len(recording.nodes) - 2,
        },
        "image": {
            "height": explanation.pixels.shape[0],
            "width": explanation.pixels.shape[1],
            "channels": explanation.pixels.shape[2],
            "png": thumbnail_uri(explanation.pixels, 512),
        },
        "shifted": _shifted(explanation),
        "layers": found,
        "open": _opened(found),
        "sampled": {"maps": shown, "of": every} if shown < every else None,
        "attributions": [_attribution(one) for one in explanation.attributions],
        "excite": None
        if explanation.top_images is None
        else _excite(explanation, explanation.top_images, maps),
        "excite_missing": explanation.top_images_missing,
    }


def _opened(found: list[dict[str, Any]]) -> int:
    """The layer the page opens with: the first convolution, else the first layer."""
    return next((one["id"] for one in found if one["kind"] == "conv" and one["maps"]), 0)


def _answer(explanation: Explanation, units: list[int]) -> dict[str, Any]:
    """How the output's logits become the answer: mirror image, temperature, units not shown."""
    recording, manifest = explanation.activations, explanation.model.manifest
    logits, mirror = recording.logits.double(), None
    if manifest.network.preprocess.flip_average:
        with torch.no_grad():
            mirrored = recording.nodes[0].output[None].flip(3)
            mirror = explanation.model.module(mirrored)[0].double()
        logits = (logits + mirror) / 2
    scaled = logits / manifest.temperature
    peak = float(scaled.max())
    parts = torch.exp(scaled - peak)
    return {
        "activation": manifest.activation,
        "mirror": None if mirror is None else [float(mirror[unit]) for unit in units],
        "peak": peak,
        "others": float(parts.sum() - parts[units].sum()),
    }


def _shifted(explanation: Explanation) -> list[dict[str, Any]]:
    """The best label of the shifted images, without averaging over mirror images."""
    manifest = explanation.model.manifest
    found = []
    for shift in explanation.shifts:
        row = probabilities_from_logits(shift.logits.numpy()[None], manifest)[0]
        best = int(row.argmax())
        found.append({"label": manifest.labels[best], "probability": float(row[best])})
    return found


def _attribution(one: Attribution) -> dict[str, Any]:
    values = one.values
    step = -(-max(values.shape) // SIDE)
    if step > 1:
        high, wide = values.shape[0] // step, values.shape[1] // step
        values = values[: high * step, : wide * step].reshape(high, step, wide, step).mean((1, 3))
    return {
        "method": one.method,
        "layer": one.layer,
        "variant": one.variant,
        "cells": None if one.cells is None else list(one.cells),
        "reason": one.reason,
        "height": values.shape[0],
        "width": values.shape[1],
        "values": packed(values),
        "verdict": _verdict(one.verdict, float(np.ptp(one.values)) == 0.0),
    }


def _verdict(verdict: Verdict, empty: bool) -> dict[str, Any]:
    def curves(of: Curves) -> dict[str, Any]:
        return {"deletion": list(of.deletion), "insertion": list(of.insertion)}

    return {
        "trustworthy": verdict.trustworthy,
        "reason": verdict.reason,
        "beaten": verdict.beaten,
        "orders": verdict.orders,
        "likeness": verdict.likeness,
        "empty": empty,
        "curves": curves(verdict.curves),
        "random": curves(verdict.random),
    }


def _excite(explanation: Explanation, excited: TopImages, maps: list[list[int]]) -> dict[str, Any]:
    """For each shown filter its images and places; an image is on the page once.

    Every filter's best image comes before any filter's second, until the limit is reached.
    """
    places = [
        (rank, node, channel)
        for rank in range(SHOWN)
        for node in explanation.activations.nodes
        if node.name in excited.peaks and rank < len(excited.peaks[node.name].values)
        for channel in maps[node.id]
    ]
    numbers: dict[int, int] = {}
    images: list[dict[str, str]] = []
    filters: dict[str, dict[str, list[list[float]]]] = {}
    for rank, node, channel in places:
        peaks = excited.peaks[node.name]
        image = int(peaks.images[rank, channel])
        if image not in numbers:
            if image not in excited.pixels or sum(len(one["png"]) for one in images) > IMAGES:
                continue
            numbers[image] = len(images)
            drawn = thumbnail_uri(excited.pixels[image], 160)
            images.append({"path": excited.paths[image], "png": drawn})
        assert node.view is not None
        box = node.view.box(*divmod(int(peaks.cells[rank, channel]), node.shape[2]))
        row = [numbers[image], *box, float(peaks.values[rank, channel])]
        filters.setdefault(str(node.id), {}).setdefault(str(channel), []).append(row)
    return {
        "images": images,
        "height": explanation.pixels.shape[0],
        "width": explanation.pixels.shape[1],
        "scanned": len(excited.paths),
        "filters": filters,
    }
