"""Accuracy under corruption, and how feature maps change when images move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.dataset.sampling import even_sample
from foveal.evaluation.corruptions import N_CORRUPTIONS, corrupt
from foveal.evaluation.inference import to_predictions
from foveal.evaluation.predictions import BoolArray, IntArray
from foveal.evaluation.report_images import ReportImages
from foveal.evaluation.schema import CorruptionScore, PoolingShift, Robustness
from foveal.intervals import binomial_interval
from foveal.network.cost import network_cost
from foveal.network.shift import SHIFT_PIXELS, relative_change, shift_images
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress

if TYPE_CHECKING:
    from foveal.model.model import Model

MAX_CORRUPTED_IMAGES = 128
MIN_CORRUPTED_IMAGES = 16
MAX_POOLING_IMAGES = 32
"""Images whose maps before and after each pooling are compared."""
_MAX_MULTIPLY_ADDS = 1e11
"""What all corrupted images may cost together: some seconds on two cores."""

LayerMaps = dict[str, tuple[Any, Any]]
"""Pooling layer -> its input and output tensors."""


def score_robustness(
    predictor: Predictor,
    images: ReportImages,
    targets: IntArray | BoolArray,
    progress: Progress,
    *,
    model: Model | None = None,
) -> Robustness:
    """Accuracy under every corruption, on an even sample of `images`.

    targets: int64 (N,), or bool (N, K), of all.  model: the native model, whose maps before and
    after each pooling are compared under shifts.
    """
    manifest = predictor.manifest
    sample = even_sample(len(images.paths), _sample_size(predictor))
    clean = np.ascontiguousarray(images.pixels[images.cache_rows[sample]])
    paths = [images.paths[row] for row in sample]

    def predict(pixels: np.ndarray) -> tuple[Any, BoolArray]:
        logits = predictor.logits(pixels)
        predictions = to_predictions(logits, manifest, targets[sample], paths)
        multi = manifest.task == "multi"
        predicted = predictions.predicted_labels if multi else predictions.predicted
        return predicted, predictions.correct

    clean_predicted, clean_correct = predict(clean)
    scores = []
    for done, (corruption, severity, corrupted) in enumerate(corrupt(clean), start=1):
        predicted, correct = predict(corrupted)
        same = predicted == clean_predicted
        n_correct = int(correct.sum())
        scores.append(
            CorruptionScore(
                corruption=corruption,
                severity=severity,
                accuracy=n_correct / len(sample),
                accuracy_interval=binomial_interval(n_correct, len(sample)),
                consistency=float((same.all(axis=1) if same.ndim == 2 else same).mean()),
            )
        )
        progress("robustness", done, N_CORRUPTIONS)
    shifts = () if model is None else pooling_shifts(model, clean[:MAX_POOLING_IMAGES])
    return Robustness(
        n=len(sample),
        accuracy=float(clean_correct.mean()),
        corruptions=tuple(scores),
        pooling_shifts=shifts,
        pooling_note=_pooling_note(model, shifts),
    )


def pooling_shifts(model: Model, pixels: np.ndarray) -> tuple[PoolingShift, ...]:
    """For each pooling layer and shift, the relative change of the maps before and after it.

    pixels: uint8 (N, H, W, C).  The mean over images and over moving right and down.
    """
    pools = {
        name: module
        for name, module in model.module.named_modules()
        if "Pool" in type(module).__name__ and not list(module.children())
    }
    batches = [pixels]
    for count in SHIFT_PIXELS:
        batches += [shift_images(pixels, 0, count), shift_images(pixels, count, 0)]
    original, *moved = _pooling_maps(model, pools, batches)
    pairs = list(zip(SHIFT_PIXELS, moved[::2], moved[1::2], strict=True))
    return tuple(
        PoolingShift(
            layer=name,
            kind=type(pools[name]).__name__,
            shift_pixels=count,
            input_change=_mean_change(original[name][0], [right[name][0], down[name][0]]),
            output_change=_mean_change(original[name][1], [right[name][1], down[name][1]]),
        )
        for name in original
        for count, right, down in pairs
    )


def _pooling_maps(
    model: Model, pools: dict[str, Any], batches: list[np.ndarray]
) -> list[LayerMaps]:
    """The input and output maps of each pooling layer, for each batch uint8 (N, H, W, C)."""
    import torch

    current: LayerMaps = {}
    module, training = model.module, model.module.training
    device = next((weight.device for weight in module.parameters()), torch.device("cpu"))

    def record(name: str) -> Any:
        def hook(_module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            current[name] = (inputs[0].detach().float(), output.detach().float())

        return hook

    handles = [pool.register_forward_hook(record(name)) for name, pool in pools.items()]
    recorded = []
    module.eval()
    try:
        for pixels in batches:
            current.clear()
            images = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
            with torch.inference_mode():
                module(images.permute(0, 3, 1, 2))
            recorded.append(dict(current))
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    return recorded


def _mean_change(original: Any, moved: list[Any]) -> float:
    return float(np.mean([float(relative_change(original, maps).mean()) for maps in moved]))


def _sample_size(predictor: Predictor) -> int:
    manifest = predictor.manifest
    per_image = network_cost(
        manifest.network, len(manifest.labels), task=manifest.task
    ).multiply_adds
    affordable = _MAX_MULTIPLY_ADDS / (N_CORRUPTIONS + 1) / max(1, per_image)
    return int(np.clip(affordable, MIN_CORRUPTED_IMAGES, MAX_CORRUPTED_IMAGES))


def _pooling_note(model: Model | None, shifts: tuple[PoolingShift, ...]) -> str | None:
    if model is None:
        return "feature maps of an exported file cannot be read; evaluate the model.safetensors"
    return None if shifts else "the network has no pooling layer"
