"""The data of the lens page: an explanation as JSON, at most 15 MB with the page around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from foveal.explanation.checked_attributions import Attribution
from foveal.explanation.explain import Explanation
from foveal.explanation.faithfulness import Curves, Faithfulness
from foveal.explanation.lens.packing import layers_data, pack
from foveal.explanation.lens.sampling import MAX_PACKED_BYTES, choose_maps
from foveal.explanation.top_activations import TOP_IMAGES_PER_FILTER, TopImages
from foveal.images.thumbnail import thumbnail_uri
from foveal.prediction.prediction import probabilities_from_logits

MAX_IMAGE_SIDE = 512
MAX_ATTRIBUTION_SIDE = 224
MAX_TOP_IMAGE_SIDE = 160
MAX_TOP_IMAGES_LENGTH = 1_500_000
"""Characters of training images, as data URIs, from which no more are added to the page."""


def lens_data(
    explanation: Explanation, *, max_packed_bytes: int = MAX_PACKED_BYTES
) -> dict[str, Any]:
    """The JSON object of the page; finite numbers only.

    max_packed_bytes: bytes of packed maps and filters; of more only the maps that contribute most
    are on the page, and it says so.
    """
    activations, manifest = explanation.activations, explanation.model.manifest
    unit = min(explanation.label_index, activations.layers[-1].shape[0] - 1)
    maps = choose_maps(activations, unit, max_packed_bytes)
    layers = layers_data(activations, maps, explanation.shifts)
    layers[-1]["output"] = _output_data(explanation, maps[-1])
    height, width, channels = explanation.pixels.shape
    return {
        "label": explanation.label,
        "probability": explanation.probability,
        "labels": list(manifest.labels),
        "task": manifest.task,
        "top": [choice.to_data() for choice in explanation.prediction.top],
        "abstained": explanation.prediction.abstained,
        "flip_average": manifest.network.preprocess.flip_average,
        "temperature": manifest.temperature,
        "label_index": explanation.label_index,
        "image_name": explanation.image_name,
        "model": {
            "weights": sum(layer.weights for layer in activations.layers),
            "multiply_adds": sum(layer.multiply_adds for layer in activations.layers),
            "layers": len(activations.layers) - 2,
        },
        "image": {
            "height": height,
            "width": width,
            "channels": channels,
            "uri": thumbnail_uri(explanation.pixels, MAX_IMAGE_SIDE),
        },
        "shift_predictions": _shift_predictions(explanation),
        "layers": layers,
        "initial_layer": _initial_layer(layers),
        "map_sample": _map_sample(explanation, maps),
        "attributions": [_attribution_data(one) for one in explanation.attributions],
        "top_images": None
        if explanation.top_images is None
        else _top_images_data(explanation, explanation.top_images, maps),
        "top_images_missing": explanation.top_images_missing,
    }


def _map_sample(explanation: Explanation, maps: list[list[int]]) -> dict[str, int] | None:
    """How many of the network's feature maps are on the page; None where all are."""
    spatial = [layer for layer in explanation.activations.layers if len(layer.shape) == 3]
    total = sum(layer.shape[0] for layer in spatial)
    shown = sum(len(maps[layer.id]) for layer in spatial)
    return {"shown": shown, "total": total} if shown < total else None


def _initial_layer(layers: list[dict[str, Any]]) -> int:
    """The layer the page opens with: the first convolution, else the first layer."""
    return next((one["id"] for one in layers if one["kind"] == "conv" and one["maps"]), 0)


def _output_data(explanation: Explanation, units: list[int]) -> dict[str, Any]:
    """How logits become probabilities: mirrored image, temperature, units not on the page."""
    activations, manifest = explanation.activations, explanation.model.manifest
    logits, mirrored_logits = activations.logits.double(), None
    if manifest.network.preprocess.flip_average:
        with torch.no_grad():
            mirrored = activations.layers[0].output[None].flip(3)
            mirrored_logits = explanation.model.module(mirrored)[0].double()
        logits = (logits + mirrored_logits) / 2
    scaled = logits / manifest.temperature
    max_scaled = float(scaled.max())
    exponentials = torch.exp(scaled - max_scaled)
    return {
        "activation": manifest.activation,
        "mirrored_logits": None
        if mirrored_logits is None
        else [float(mirrored_logits[unit]) for unit in units],
        "max_scaled_logit": max_scaled,
        "remainder": float(exponentials.sum() - exponentials[units].sum()),
    }


def _shift_predictions(explanation: Explanation) -> list[dict[str, Any]]:
    """The top label of the shifted images, without averaging over mirrored images."""
    manifest = explanation.model.manifest
    predictions = []
    for shift in explanation.shifts:
        row = probabilities_from_logits(shift.logits.numpy()[None], manifest)[0]
        best = int(row.argmax())
        predictions.append({"label": manifest.labels[best], "probability": float(row[best])})
    return predictions


def _attribution_data(attribution: Attribution) -> dict[str, Any]:
    values = _downsample(attribution.values)
    return {
        "method": attribution.method,
        "layer": attribution.layer,
        "variant": attribution.variant,
        "map_size": None if attribution.map_size is None else list(attribution.map_size),
        "reason": attribution.reason,
        "height": values.shape[0],
        "width": values.shape[1],
        "values": pack(values),
        "faithfulness": _faithfulness_data(attribution.faithfulness),
    }


def _downsample(values: np.ndarray) -> np.ndarray:
    """A map (H, W) of at most MAX_ATTRIBUTION_SIDE, by the mean of square blocks."""
    step = -(-max(values.shape) // MAX_ATTRIBUTION_SIDE)
    if step <= 1:
        return values
    rows, columns = values.shape[0] // step, values.shape[1] // step
    blocks = values[: rows * step, : columns * step].reshape(rows, step, columns, step)
    return np.asarray(blocks.mean((1, 3)))


def _faithfulness_data(faithfulness: Faithfulness) -> dict[str, Any]:
    def curves_data(curves: Curves) -> dict[str, Any]:
        return {"deletion": list(curves.deletion), "insertion": list(curves.insertion)}

    return {
        "faithful": faithfulness.faithful,
        "reason": faithfulness.reason,
        "random_orders_beaten": faithfulness.random_orders_beaten,
        "random_orders": faithfulness.random_orders,
        "randomised_correlation": faithfulness.randomised_correlation,
        "constant": faithfulness.constant,
        "curves": curves_data(faithfulness.curves),
        "random_curves": curves_data(faithfulness.random_curves),
    }


def _top_images_data(
    explanation: Explanation, top_images: TopImages, maps: list[list[int]]
) -> dict[str, Any]:
    """For each filter on the page its top images and the receptive fields in them.

    An image is on the page once.  Every filter's first image comes before any filter's second,
    until the limit is reached; of a filter whose image is missing no later one is shown.
    """
    shown = [
        (rank, layer, channel)
        for rank in range(TOP_IMAGES_PER_FILTER)
        for layer in explanation.activations.layers
        if layer.name in top_images.layers and rank < len(top_images.layers[layer.name].values)
        for channel in maps[layer.id]
    ]
    numbers: dict[int, int] = {}
    ended: set[tuple[str, int]] = set()
    images: list[dict[str, str]] = []
    filters: dict[str, dict[str, list[list[float]]]] = {}
    for rank, layer, channel in shown:
        if (layer.name, channel) in ended:
            continue
        top = top_images.layers[layer.name]
        index = int(top.images[rank, channel])
        if index not in numbers:
            full = sum(len(image["uri"]) for image in images) > MAX_TOP_IMAGES_LENGTH
            if full or index not in top_images.pixels:
                ended.add((layer.name, channel))
                continue
            numbers[index] = len(images)
            uri = thumbnail_uri(top_images.pixels[index], MAX_TOP_IMAGE_SIDE)
            images.append({"path": top_images.paths[index], "uri": uri})
        assert layer.receptive_field is not None
        box = layer.receptive_field.box(*divmod(int(top.cells[rank, channel]), layer.shape[2]))
        entry = [numbers[index], *box, float(top.values[rank, channel])]
        filters.setdefault(str(layer.id), {}).setdefault(str(channel), []).append(entry)
    return {
        "images": images,
        "height": explanation.pixels.shape[0],
        "width": explanation.pixels.shape[1],
        "image_count": len(top_images.paths),
        "filters": filters,
    }
